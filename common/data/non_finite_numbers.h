#pragma once

#include <optional>
#include <string>

namespace kvcompare {

// A JSON text with each NaN, Infinity, -Infinity and number beyond double as an empty object of the same
// width, so that bytes keep their places. Python writes such numbers, and JSON does not have them. Absent if
// the text has none.
std::optional<std::string> without_non_finite(std::string text);

}  // namespace kvcompare
