// summary.md: the comparison on one page, in Markdown. The file depends neither on the clock nor on where
// model and data are.
#pragma once

#include <string>

#include "coordinator/comparison/comparison.h"

namespace kvcompare {

std::string summary_md(const Comparison& comparison);

}  // namespace kvcompare
