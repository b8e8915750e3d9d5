// One combination of the flags that are parameters of methods. A method uses some of them; those of its
// policy among them. Definitions: docs/semantics.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/run/method_parameters.h"

namespace kvcompare {

struct MethodFlags {
  double compression_ratio = 0.5;  // fraction removed
  std::int64_t cache_size = 1024;  // keys of a KV head
  double threshold = -7;
  std::int64_t sliding_window_size = 128;
  std::int64_t protect_first = 0;
  std::int64_t protect_last = 0;
  std::string layer_budgets = "uniform";  // uniform | pyramid
  double pyramid_beta = 20;
  std::string head_budgets = "uniform";  // uniform | adaptive
  double alpha_safeguard = 0.2;
  std::string policy = "auto";  // auto | ratio | size | threshold: forces one on every method
  // Of presses, as far as they were given: the others have the default that their row in the registry says.
  std::vector<MethodParameter> of_presses{};

  // set("n_sink", 8)
  template <class T>
  MethodFlags& set(std::string_view flag, T value) {
    set_parameter(of_presses, flag, parameter_value(std::move(value)));
    return *this;
  }

  friend bool operator==(const MethodFlags&, const MethodFlags&) = default;
};

}  // namespace kvcompare
