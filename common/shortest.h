// A number as the shortest text that reads back exactly.
#pragma once

#include <array>
#include <charconv>
#include <optional>
#include <string>

namespace kvcompare {

// "0.5", "-7", "0.30000000000000004", "1e-07". Number: double or an integer type.
template <class Number>
std::string shortest(Number value) {
  std::array<char, 32> buffer;  // longer than any of them
  return {buffer.data(), std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr};
}

// The empty text if there is no number.
template <class Number>
std::string shortest(const std::optional<Number>& value) {
  return value ? shortest(*value) : "";
}

}  // namespace kvcompare
