// A number as a report has it: there, or absent for a reason.
#pragma once

#include <optional>
#include <string>

namespace kvcompare {

template <class Value>
struct Measured {
  std::optional<Value> value{};
  std::string reason{};  // why there is none; empty if there is one
};

}  // namespace kvcompare
