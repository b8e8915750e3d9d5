// A method with its parameters, an instance, as plain data: which scorer, which eviction policy.
// Made once by the registry (presses/registry.h); plain data from then on. Definitions: docs/semantics.md.
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

// After the event at n each KV head keeps max(1, min(n, n_sink), int(n * (1 - compression_ratio))) keys.
struct RatioBudget {
  double compression_ratio = 0.5;  // fraction removed, in [0, 1)
  friend bool operator==(const RatioBudget&, const RatioBudget&) = default;
};

// A key is judged once, when it leaves the last sliding_window_size positions; evicted if its score is <
// threshold.
struct ScoreThreshold {
  double threshold = -7;
  std::int64_t sliding_window_size = 128;
  friend bool operator==(const ScoreThreshold&, const ScoreThreshold&) = default;
};

using EvictionPolicy = std::variant<KeepAll, RatioBudget, ScoreThreshold>;

// Parameters that scorers may use; each scorer reads those that the registry names for it.
struct ScorerParameters {
  std::int64_t n_sink = 0;  // first positions that are never evicted; 0 for a scorer without sinks
  std::uint64_t seed = 42;
  std::int64_t n_future_positions = 512;
  bool use_covariance = true;
  bool use_vnorm = true;
  std::string kvzap_scorer_model{};  // where the trained scorer lies: folder or hub id
  std::string kvzap_model_type{};    // mlp | linear; empty until the scorer is read
  std::string kvzap_scorer{};        // SHA-256 of it; empty until it is read
  friend bool operator==(const ScorerParameters&, const ScorerParameters&) = default;
};

struct MethodSpec {
  std::string name;          // registry name: "baseline", "streaming_llm", ...
  std::string display_name;  // as reported: "Baseline", "StreamingLLM", ...
  EvictionPolicy policy;
  ScorerParameters parameters;
  // Flags that the scorer reads: "seed", "n_sink" or "kvzap_n_sink" (for parameters.n_sink), ... The others
  // are no part of what the method is, and keep their defaults.
  std::vector<std::string> reads{};
  bool has_own_policy = true;  // policy is of the kind that the method has if none is asked for
  friend bool operator==(const MethodSpec&, const MethodSpec&) = default;
};

}  // namespace kvcompare
