// Reads whole numbers from JSON strictly. nlohmann::json itself would turn 1.5 into 1, and wrap a number that
// is too large.
#pragma once

#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>

#include "coordinator/json/json_text.h"

namespace kvcompare {

// Throws std::invalid_argument if the value is no whole number, or does not fit into Int.
template <class Int = std::int64_t>
Int whole_number(const OrderedJson& json) {
  const bool is_too_large =
      json.is_number_unsigned() && json.get<std::uint64_t>() > std::numeric_limits<std::int64_t>::max();
  if (json.is_number_integer() && !is_too_large)
    if (const auto number = json.get<std::int64_t>();
        number >= std::numeric_limits<Int>::min() && number <= std::numeric_limits<Int>::max())
      return static_cast<Int>(number);
  throw std::invalid_argument("holds " + json_for_message(json) + " where a whole number is expected");
}

// Reads a member, which must be there.
template <class Int>
void get_whole_number(const OrderedJson& object, const char* key, Int& target) {
  target = whole_number<Int>(object.at(key));
}

}  // namespace kvcompare
