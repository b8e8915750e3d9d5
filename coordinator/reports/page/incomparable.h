// Finds what a reader must not compare between the runs of one page.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "coordinator/reports/page/report_page.h"

namespace kvcompare {

// Returns one sentence for each property in which the runs differ and which forbids a comparison. The
// sentence names the runs. Empty for a single run. That samples of different runs must not be subtracted is
// always true, and is not among the sentences.
std::vector<std::string> incomparable(std::span<const PageRun> runs);

}  // namespace kvcompare
