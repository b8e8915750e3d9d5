// Parameters of presses as tests read and write them.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "common/run/method_parameters.h"

namespace kvcompare {

// The value of one, as a T: parameter<std::uint64_t>(spec, "seed").
template <class T>
T parameter(const MethodSpec& method, std::string_view name) {
  const auto* found = find_parameter(method.parameters, name);
  return found ? value_as<T>(*found) : throw std::out_of_range(method.name + " has no " + std::string(name));
}

// Those of expected_attention, for formulas that tests write out themselves.
struct ExpectedAttentionFlags {
  std::int64_t n_sink = 0;
  std::int64_t n_future_positions = 512;
  bool use_covariance = true;
  bool use_vnorm = true;

  std::vector<MethodParameter> list() const {
    return {{"n_sink", n_sink},
            {"n_future_positions", n_future_positions},
            {"use_covariance", use_covariance},
            {"use_vnorm", use_vnorm}};
  }
  static ExpectedAttentionFlags of(const MethodSpec& method) {
    return {parameter<std::int64_t>(method, "n_sink"), parameter<std::int64_t>(method, "n_future_positions"),
            parameter<bool>(method, "use_covariance"), parameter<bool>(method, "use_vnorm")};
  }
};

}  // namespace kvcompare
