#pragma once

#include <cstddef>
#include <cstdint>

namespace kvcompare {

// A count or an index as libtorch has it (signed), as the standard library has it. n >= 0.
constexpr std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

}  // namespace kvcompare
