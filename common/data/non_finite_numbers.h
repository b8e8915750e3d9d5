#pragma once

#include <optional>
#include <string>

namespace kvcompare {

// Replaces each NaN, Infinity, -Infinity and number too large for double in a JSON text by an empty object of
// the same width, so that all other bytes keep their places. Python writes such numbers, and JSON does not
// have them. Absent if the text has none.
std::optional<std::string> without_non_finite(std::string text);

}  // namespace kvcompare
