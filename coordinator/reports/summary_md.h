// summary.md: the comparison on one page, in Markdown. Nothing in it depends on the clock, or on where model
// and data lie.
#pragma once

#include <string>

#include "coordinator/comparison/comparison.h"

namespace kvcompare {

std::string summary_md(const Comparison& comparison);

}  // namespace kvcompare
