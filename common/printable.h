#pragma once

#include <string>
#include <string_view>

namespace kvcompare {

// Text for a terminal: control characters but line breaks and tabs as \x1b. Names of tensors and paths come
// from strangers, and could move the cursor or hide what was said.
std::string printable(std::string_view text);

}  // namespace kvcompare
