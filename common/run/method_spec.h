// A method with its parameters, an instance, as plain data: which press, with which parameters, under which
// eviction policy. Made once by the registry (presses/registry.h); plain data from then on. Definitions:
// docs/semantics.md.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace kvcompare {

// No eviction: the baseline.
struct KeepAll {
  friend bool operator==(const KeepAll&, const KeepAll&) = default;
};

// A budget: after the event at n each KV head keeps max(1, min(n, n_sink), int(n * (1 - compression_ratio)))
// keys, unless its layer or its head gets another share (BudgetShares).
struct RatioBudget {
  double compression_ratio = 0.5;  // fraction removed, in [0, 1)
  friend bool operator==(const RatioBudget&, const RatioBudget&) = default;
};

// The same budget with min(n, cache_size) in the place of n * (1 - compression_ratio).
struct SizeBudget {
  std::int64_t cache_size = 1024;  // keys of a KV head, >= 1
  friend bool operator==(const SizeBudget&, const SizeBudget&) = default;
};

// A key is judged once, when it leaves the last sliding_window_size positions; evicted if its score is <
// threshold.
struct ScoreThreshold {
  double threshold = -7;
  std::int64_t sliding_window_size = 128;
  friend bool operator==(const ScoreThreshold&, const ScoreThreshold&) = default;
};

using EvictionPolicy = std::variant<KeepAll, RatioBudget, ScoreThreshold, SizeBudget>;

inline bool has_budget(const EvictionPolicy& policy) {
  return std::holds_alternative<RatioBudget>(policy) || std::holds_alternative<SizeBudget>(policy);
}

enum class LayerBudgets { kUniform, kPyramid };
enum class HeadBudgets { kUniform, kAdaptive };

// How layers, and the KV heads of a layer, share what a budget keeps: docs/semantics.md, section 2. A number
// that does not matter has its default, so that equal instances compare equal.
struct BudgetShares {
  LayerBudgets layers = LayerBudgets::kUniform;
  double pyramid_beta = 20;  // >= 1; of kPyramid
  HeadBudgets heads = HeadBudgets::kUniform;
  double alpha_safeguard = 0.2;  // in [0, 1]; of kAdaptive
  friend bool operator==(const BudgetShares&, const BudgetShares&) = default;
};

// Positions that a method spares beside those that it spares anyway: docs/semantics.md, section 2.
struct Protection {
  std::int64_t first = 0;  // first positions, kept like sinks
  std::int64_t last = 0;   // latest positions, which rank above every score
  friend bool operator==(const Protection&, const Protection&) = default;
};

// A whole number is a std::uint64_t only if it is too large for std::int64_t, so that equal numbers compare
// equal; parameter_value() in method_parameters.h sees to that.
using ParameterValue = std::variant<bool, std::int64_t, std::uint64_t, double, std::string>;

// A parameter of a press under the name of the flag that gives it. Names say what a parameter is:
// method_parameters.h.
struct MethodParameter {
  std::string name;
  ParameterValue value;
  friend bool operator==(const MethodParameter&, const MethodParameter&) = default;
};

struct MethodSpec {
  std::string name;          // registry name: "baseline", "streaming_llm", ...
  std::string display_name;  // as reported: "Baseline", "StreamingLLM", ...
  EvictionPolicy policy;
  std::vector<MethodParameter> parameters{};  // all that the press has, and no others; sinks come first
  bool has_own_policy = true;  // policy is of the kind that the method has if none is asked for
  Protection protection{};     // of a method that evicts nothing: none
  BudgetShares shares{};       // of a policy without a budget: uniform
  friend bool operator==(const MethodSpec&, const MethodSpec&) = default;
};

}  // namespace kvcompare
