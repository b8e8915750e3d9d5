#include "presses/registry.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <utility>

#include "common/errors.h"
#include "common/run/method_parameters.h"
#include "presses/methods/expected_attention.h"
#include "presses/methods/knorm.h"
#include "presses/methods/kvzap.h"
#include "presses/methods/observed_attention.h"
#include "presses/methods/random.h"
#include "presses/methods/streaming_llm.h"
#include "presses/needs.h"
#include "presses/scorer.h"

namespace kvcompare {
namespace {

Scorer make_baseline(const ScorerParameters&, const ScorerResources&) { return NoScorer{}; }

const auto& table() {
  using enum DefaultPolicy;
  // clang-format off
  static const std::array<MethodDescription, 7> kMethods{{
      {"baseline", "Baseline", {"none", "full"}, kNone, SinkFlag::kNone, true, {},
       "keeps every key", "", make_baseline, DeviceSchedule::kKeepAll},
      {"kvzap", "KVzap", {"KVzapPress", "DMSPress"}, kThreshold, SinkFlag::kKvzapNSink, true,
       {"kvzap_scorer_model", "kvzap_model_type", "kvzap_n_sink"},
       "score of a trained surrogate of KVzip+, from the input of the attention block",
       "KVzap, arXiv 2601.07891; threshold policy: DMS, arXiv 2506.05345", make_kvzap, DeviceSchedule::kTokenScores},
      {"random", "Random", {"RandomPress"}, kRatio, SinkFlag::kNone, true, {"seed"},
       "uniform random number of (seed, sample, layer, KV head, position)", "Philox4x32-10, SC 2011", make_random, DeviceSchedule::kRandomNumbers},
      {"streaming_llm", "StreamingLLM", {"StreamingLLMPress", "streaming"}, kRatio, SinkFlag::kNSink, true, {"n_sink"},
       "the position: the most recent keys and the sinks stay", "StreamingLLM, arXiv 2309.17453", make_streaming_llm, DeviceSchedule::kPositions},
      {"expected_attention", "ExpectedAttention", {"ExpectedAttentionPress"}, kRatio, SinkFlag::kNSink, true,
       {"n_sink", "n_future_positions", "use_covariance", "use_vnorm"},
       "attention expected from future queries, times the norm of the value",
       "Expected Attention, arXiv 2510.00636", make_expected_attention, DeviceSchedule::kExpectedAttention},
      {"observed_attention", "ObservedAttention", {"ObservedAttentionPress", "h2o"}, kRatio, SinkFlag::kNone, false, {},
       "attention received so far, divided by the number of queries that could have given it",
       "related to H2O, arXiv 2306.14048", make_observed_attention, DeviceSchedule::kObservedAttention},
      {"knorm", "Knorm", {"KnormPress"}, kRatio, SinkFlag::kNone, false, {},
       "minus the L2 norm of the key before RoPE, rounded to 11 significant bits", "arXiv 2406.11430", make_knorm, DeviceSchedule::kTokenScores},
  }};
  // clang-format on
  return kMethods;
}

// Lower case without '_', '-' and ' '.
std::string folded(std::string_view spelling) {
  std::string result;
  for (const char c : spelling)
    if (c != '_' && c != '-' && c != ' ')
      result += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

bool is_spelling_of(std::string_view wanted, const MethodDescription& method) {
  return wanted == folded(method.name) || wanted == folded(method.display_name) ||
         std::ranges::any_of(method.aliases, [&](auto alias) { return wanted == folded(alias); });
}

std::int64_t n_sink(SinkFlag sinks, const MethodFlags& flags) {
  switch (sinks) {
    case SinkFlag::kNSink:
      return flags.n_sink;
    case SinkFlag::kKvzapNSink:
      return flags.kvzap_n_sink;
    case SinkFlag::kNone:
      break;
  }
  return 0;
}

EvictionPolicy policy_of(DefaultPolicy own, const MethodFlags& flags) {
  if (own == DefaultPolicy::kNone) return KeepAll{};
  if (flags.policy != "auto" && flags.policy != "ratio" && flags.policy != "threshold")
    throw ConfigError("policy", "'" + flags.policy + "' is not one of auto, ratio, threshold");
  const bool by_threshold =
      flags.policy == "threshold" || (flags.policy == "auto" && own == DefaultPolicy::kThreshold);
  if (by_threshold) return ScoreThreshold{flags.threshold, flags.sliding_window_size};
  return RatioBudget{flags.compression_ratio};
}

}  // namespace

std::span<const MethodDescription> methods() { return table(); }

const MethodDescription* find_method(std::string_view spelling) {
  const auto wanted = folded(spelling);
  const auto found = std::ranges::find_if(table(), [&](const auto& m) { return is_spelling_of(wanted, m); });
  return found == table().end() ? nullptr : &*found;
}

MethodSpec make_method_spec(const MethodDescription& method, const MethodFlags& flags) {
  const auto reads = [&](std::string_view flag) { return std::ranges::count(method.parameters, flag) > 0; };
  ScorerParameters parameters{.n_sink = n_sink(method.sinks, flags)};
  if (reads("seed")) parameters.seed = flags.seed;
  if (reads("n_future_positions")) parameters.n_future_positions = flags.n_future_positions;
  if (reads("use_covariance")) parameters.use_covariance = flags.use_covariance;
  if (reads("use_vnorm")) parameters.use_vnorm = flags.use_vnorm;
  if (reads("kvzap_scorer_model")) parameters.kvzap_scorer_model = flags.kvzap_scorer_model;
  if (reads("kvzap_model_type")) parameters.kvzap_model_type = flags.kvzap_model_type.value_or("");
  const auto policy = policy_of(method.policy, flags);
  const auto own = policy_of(method.policy, {});
  std::vector<std::string> used;  // in the order in which every list of parameters has them
  visit_parameters(parameters, [&](std::string_view flag, const auto&) {
    if (reads(flag)) used.emplace_back(flag);
  });
  return {.name = std::string(method.name),
          .display_name = std::string(method.display_name),
          .policy = policy,
          .parameters = parameters,
          .reads = std::move(used),
          .has_own_policy = policy.index() == own.index()};
}

const MethodDescription& description_of(const MethodSpec& spec, const ScorerResources& resources) {
  for (const auto& own : resources.more_methods)
    if (own.name == spec.name) return own;
  const auto* method = find_method(spec.name);
  require(method != nullptr, "no method is named '" + spec.name + "'");
  return *method;
}

DeviceSchedule device_schedule(const MethodSpec& spec, const ScorerResources& resources) {
  const auto schedule = description_of(spec, resources).on_device;
  if (schedule == DeviceSchedule::kNone)
    throw ConfigError("methods", "the layerwise engine on a GPU has no kernels for '" + spec.name +
                                     "'; use --engine stepwise or --device cpu, or leave the method out");
  return schedule;
}

Scorer make_scorer(const MethodSpec& spec, const ScorerResources& resources) {
  auto scorer = description_of(spec, resources).make(spec.parameters, resources);
  check_needs(scorer, spec.name);
  return scorer;
}

}  // namespace kvcompare
