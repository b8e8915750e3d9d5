// A number of a report: either a value, or the reason why there is none.
#pragma once

#include <optional>
#include <string>

namespace kvcompare {

template <class Value>
struct Measured {
  std::optional<Value> value{};
  std::string reason{};  // why there is none; empty if there is one
};

inline constexpr const char* kNotComputed = "not computed";

//   why_not : the reason; used only if there is no value
template <class Value>
Measured<Value> measured(const std::optional<Value>& value, const std::string& why_not) {
  if (value) return {value, {}};
  return {std::nullopt, why_not.empty() ? kNotComputed : why_not};
}

}  // namespace kvcompare
