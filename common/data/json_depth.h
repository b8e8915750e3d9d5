// Finds out how deeply the values of a JSON text are nested, without parsing the text.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace kvcompare {

// Returns the byte (1-based) at which an array or object opens inside of `most` others; absent if there is
// none.
std::optional<std::size_t> nested_deeper_than(std::string_view json, int most);

}  // namespace kvcompare
