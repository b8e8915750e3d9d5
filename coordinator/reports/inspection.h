// The tokens that methods predict worst, in their text: the table of `kvcompare inspect`.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/reports/worst_tokens.h"

namespace kvcompare {

// A table of an instance, under its label. The token stands in ⟦ ⟧, between what comes before and after it.
// A column says how much of the evidence of its scored range is kept, if some range has evidence.
//   width : columns of the terminal; without it texts are not cut any shorter than they are
std::string inspection_text(const std::string& label, const std::vector<ShownToken>& tokens,
                            std::optional<std::size_t> width);

}  // namespace kvcompare
