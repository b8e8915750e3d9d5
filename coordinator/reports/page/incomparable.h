// What a reader must not compare between runs that stand on one page.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "coordinator/reports/page/report_page.h"

namespace kvcompare {

// A sentence for each thing in which runs differ and which forbids a comparison; it names the runs. Empty for
// one run. What is always forbidden, to subtract samples of different runs, is not among them.
std::vector<std::string> incomparable(std::span<const PageRun> runs);

}  // namespace kvcompare
