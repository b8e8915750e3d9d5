// The registry without scorers, so that the command line is tested without libtorch. Links in place of
// presses/registry.cpp; names, policies and flags are those of docs/semantics.md.
#include <algorithm>
#include <array>
#include <string>

#include "presses/registry.h"

namespace kvcompare {
namespace {

const std::array<MethodDescription, 7>& descriptions() {
  using enum DefaultPolicy;
  static const std::array<MethodDescription, 7> all{{
      {"baseline", "Baseline", {"none"}, kNone, SinkFlag::kNone, true, {}, "no score", "", nullptr},
      {"kvzap",
       "KVzap",
       {"KVzapPress"},
       kThreshold,
       SinkFlag::kKvzapNSink,
       true,
       {"kvzap_scorer_model", "kvzap_model_type", "kvzap_n_sink"},
       "trained",
       "arXiv 2601.07891",
       nullptr},
      {"random",
       "Random",
       {"RandomPress"},
       kRatio,
       SinkFlag::kNone,
       true,
       {"seed"},
       "chance",
       "Philox",
       nullptr},
      {"streaming_llm",
       "StreamingLLM",
       {"StreamingLLMPress"},
       kRatio,
       SinkFlag::kNSink,
       true,
       {"n_sink"},
       "position",
       "arXiv 2309.17453",
       nullptr},
      {"expected_attention",
       "ExpectedAttention",
       {"ExpectedAttentionPress"},
       kRatio,
       SinkFlag::kNSink,
       true,
       {"n_sink", "n_future_positions", "use_covariance", "use_vnorm"},
       "expected",
       "arXiv 2510.00636",
       nullptr},
      {"observed_attention",
       "ObservedAttention",
       {"ObservedAttentionPress"},
       kRatio,
       SinkFlag::kNone,
       false,
       {},
       "observed",
       "arXiv 2306.14048",
       nullptr},
      {"knorm",
       "Knorm",
       {"KnormPress"},
       kRatio,
       SinkFlag::kNone,
       true,
       {},
       "norm",
       "arXiv 2406.11430",
       nullptr},
  }};
  return all;
}

std::string folded(std::string_view spelling) {
  std::string result;
  for (const char c : spelling)
    if (std::string_view("_- ").find(c) == std::string_view::npos)
      result += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return result;
}

}  // namespace

std::span<const MethodDescription> methods() { return descriptions(); }

const MethodDescription* find_method(std::string_view spelling) {
  for (const MethodDescription& method : descriptions()) {
    if (folded(spelling) == folded(method.name) || folded(spelling) == folded(method.display_name))
      return &method;
    for (const std::string_view alias : method.aliases)
      if (folded(spelling) == folded(alias)) return &method;
  }
  return nullptr;
}

MethodSpec make_method_spec(const MethodDescription& method, const RunSpec& run) {
  MethodSpec spec{std::string(method.name), std::string(method.display_name), KeepAll{}, {}};
  const bool by_threshold =
      run.policy == "threshold" || (run.policy == "auto" && method.policy == DefaultPolicy::kThreshold);
  if (method.policy != DefaultPolicy::kNone && by_threshold)
    spec.policy = ScoreThreshold{run.threshold, run.sliding_window_size};
  else if (method.policy != DefaultPolicy::kNone)
    spec.policy = RatioBudget{run.compression_ratio};
  spec.parameters.seed = run.seed;
  if (method.sinks == SinkFlag::kNSink) spec.parameters.n_sink = run.n_sink;
  return spec;
}

}  // namespace kvcompare
