// How deeply the values of a JSON text are nested, found without parsing it.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace kvcompare {

// The byte (1-based) at which an array or object opens that lies inside of `most` others.
std::optional<std::size_t> nested_deeper_than(std::string_view json, int most);

}  // namespace kvcompare
