#pragma once

#include <cstdint>

namespace kvcompare {

// The numbers [begin, end): of bytes, characters or tokens.
struct Range {
  std::int64_t begin = 0;
  std::int64_t end = 0;

  std::int64_t size() const { return end - begin; }
  friend bool operator==(const Range&, const Range&) = default;
};

}  // namespace kvcompare
