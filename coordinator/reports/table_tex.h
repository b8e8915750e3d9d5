// table.tex: the table of results as a LaTeX tabular, to be read by \input into a document with
// \usepackage{booktabs}. The file does not depend on the clock.
#pragma once

#include <string>

#include "coordinator/comparison/comparison.h"

namespace kvcompare {

std::string table_tex(const Comparison& comparison);

}  // namespace kvcompare
