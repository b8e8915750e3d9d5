#include "presses/registry.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include "common/errors.h"
#include "common/run/method_parameters.h"
#include "presses/methods/baseline.h"
#include "presses/methods/expected_attention.h"
#include "presses/methods/external.h"
#include "presses/methods/h2o.h"
#include "presses/methods/keydiff.h"
#include "presses/methods/knorm.h"
#include "presses/methods/kvzap.h"
#include "presses/methods/lagkv.h"
#include "presses/methods/observed_attention.h"
#include "presses/methods/random.h"
#include "presses/methods/snapkv.h"
#include "presses/methods/streaming_llm.h"
#include "presses/methods/tova.h"
#include "presses/needs.h"
#include "presses/policy/layer_press.h"
#include "presses/policy/recording_press.h"
#include "presses/schedule/per_head.h"
#include "presses/scorer.h"

namespace kvcompare {
namespace {

const auto& table() {
  static const std::array kMethods{
      baseline_method(),            //
      kvzap_method(),               //
      random_method(),              //
      streaming_llm_method(),       //
      expected_attention_method(),  //
      observed_attention_method(),  //
      knorm_method(),               //
      h2o_method(),                 //
      tova_method(),                //
      snapkv_method(),              //
      keydiff_method(),             //
      lagkv_method(),               //
      external_method(),
  };
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

// Sinks first; behind the place of a scorer the hash of what lies there, which is not known yet.
std::vector<MethodParameter> parameters_from(const MethodDescription& method, const MethodFlags& flags) {
  std::vector<MethodParameter> parameters;
  for (const auto& flag : method.parameters) {
    const auto* given = find_parameter(flags.of_presses, flag.name);
    parameters.push_back({std::string(flag.name), given ? given->value : flag.standard});
  }
  std::ranges::stable_partition(
      parameters, [](const auto& parameter) { return role_of(parameter.name) == ParameterRole::kSinks; });
  for (const auto& flag : method.parameters)
    if (role_of(flag.name) == ParameterRole::kPlace)
      parameters.push_back({hash_name(flag.name), parameter_value(std::string())});
  return parameters;
}

// "External my_scores" of scores in the folder /tmp/my_scores: several folders make several names.
std::string display_name_of(const MethodDescription& method, const std::vector<MethodParameter>& parameters) {
  std::string name(method.display_name);
  const auto* place = find_parameter(parameters, flag_of_scores(method));
  const auto folder = place ? value_as<std::string>(*place) : "";
  std::error_code ignored;
  const auto full = std::filesystem::absolute(folder, ignored).lexically_normal();
  if (!folder.empty()) name += " " + (full.has_filename() ? full : full.parent_path()).filename().string();
  return name;
}

EvictionPolicy policy_of(DefaultPolicy own, const MethodFlags& flags) {
  if (own == DefaultPolicy::kNone) return KeepAll{};
  if (flags.policy != "auto" && flags.policy != "ratio" && flags.policy != "size" &&
      flags.policy != "threshold")
    throw ConfigError("policy", "'" + flags.policy + "' is not one of auto, ratio, size, threshold");
  const bool by_threshold =
      flags.policy == "threshold" || (flags.policy == "auto" && own == DefaultPolicy::kThreshold);
  if (by_threshold) return ScoreThreshold{flags.threshold, flags.sliding_window_size};
  if (flags.policy == "size") return SizeBudget{flags.cache_size};
  return RatioBudget{flags.compression_ratio};
}

// What would not matter keeps its default.
BudgetShares shares_of(const MethodFlags& flags) {
  BudgetShares shares;
  if (flags.layer_budgets == kPyramidBudgets) {
    shares.layers = LayerBudgets::kPyramid;
    shares.pyramid_beta = flags.pyramid_beta;
  }
  if (flags.head_budgets == kAdaptiveBudgets) {
    shares.heads = HeadBudgets::kAdaptive;
    shares.alpha_safeguard = flags.alpha_safeguard;
  }
  return shares;
}

// Under a budget the latest positions that are protected rank apart from scores.
bool ranks_latest_apart(const MethodSpec& spec) {
  return spec.protection.last > 0 && has_budget(spec.policy);
}

// Whether a schedule on a GPU can do so, or need not.
struct RanksLatestApart {
  bool operator()(const RefusedOnDevice&) const { return true; }
  bool operator()(const KeepAllOnDevice&) const { return true; }
  bool operator()(const HostSchedule&) const { return true; }
  bool operator()(const TokenScores&) const { return false; }
  bool operator()(const PositionScores&) const { return false; }
  bool operator()(const PhiloxScores&) const { return false; }
  bool operator()(const GaussianQueries&) const { return true; }
  bool operator()(const MeanAttentionReceived&) const { return false; }
};

}  // namespace

std::span<const MethodDescription> methods() { return table(); }

const MethodDescription* find_method(std::string_view spelling) {
  const auto wanted = folded(spelling);
  const auto found = std::ranges::find_if(table(), [&](const auto& m) { return is_spelling_of(wanted, m); });
  return found == table().end() ? nullptr : &*found;
}

FoundVariant find_variant(std::string_view spelling) {
  const auto wanted = folded(spelling);
  for (const auto& method : table())
    for (const auto& variant : method.variants)
      if (wanted == folded(variant.name) || wanted == folded(variant.display_name))
        return {&method, &variant};
  return {};
}

bool needs_trained_scorer(const MethodDescription& method) {
  return std::ranges::any_of(method.parameters, [](const auto& flag) {
    return role_of(flag.name) == ParameterRole::kPlace && !is_place_of_scores(flag.name);
  });
}

std::string_view flag_of_scores(const MethodDescription& method) {
  for (const auto& flag : method.parameters)
    if (is_place_of_scores(flag.name)) return flag.name;
  return "";
}

MethodSpec make_method_spec(const MethodDescription& method, const MethodFlags& flags) {
  const auto policy = policy_of(method.policy, flags);
  if (method.protects_latest && std::holds_alternative<ScoreThreshold>(policy))
    throw ConfigError("policy", std::string(method.name) +
                                    " has no threshold policy: it keeps its latest keys, whatever their "
                                    "scores; use ratio or size, or leave the method out");
  const auto own = policy_of(method.policy, {});
  const bool evicts = !std::holds_alternative<KeepAll>(policy);
  auto parameters = parameters_from(method, flags);
  auto display_name = display_name_of(method, parameters);
  return {.name = std::string(method.name),
          .display_name = std::move(display_name),
          .policy = policy,
          .parameters = std::move(parameters),
          .has_own_policy = policy.index() == own.index(),
          .protection = evicts ? Protection{flags.protect_first, flags.protect_last} : Protection{},
          .shares = has_budget(policy) ? shares_of(flags) : BudgetShares{}};
}

const MethodDescription& description_of(const MethodSpec& spec, const ScorerResources& resources) {
  for (const auto& own : resources.more_methods)
    if (own.name == spec.name) return own;
  const auto* method = find_method(spec.name);
  require(method != nullptr, "no method is named '" + spec.name + "'");
  return *method;
}

MethodCost method_cost(const MethodSpec& spec, const ModelShape& shape) {
  const auto cost = description_of(spec).cost;
  return cost ? cost(spec, shape) : MethodCost{};
}

DeviceSchedule device_schedule(const MethodSpec& spec, const ScorerResources& resources) {
  const auto on_device = description_of(spec, resources).on_device;
  auto schedule = on_device ? on_device(spec) : DeviceSchedule{RefusedOnDevice{}};
  if (resources.sink) return HostSchedule{};  // the press shows what it sees
  if (spec.shares != BudgetShares{} && !std::holds_alternative<RefusedOnDevice>(schedule))
    return HostSchedule{};
  if (ranks_latest_apart(spec) && !std::visit(RanksLatestApart{}, schedule)) return HostSchedule{};
  if (std::holds_alternative<RefusedOnDevice>(schedule))
    throw ConfigError("methods", "the layerwise engine on a GPU has no kernels for '" + spec.name +
                                     "'; use --engine stepwise or --device cpu, or leave the method out");
  return schedule;
}

Scorer make_scorer(const MethodSpec& spec, const ScorerResources& resources) {
  const auto make = description_of(spec, resources).make;
  require(make != nullptr, "'" + spec.name + "' has no scorer");
  auto scorer = make(spec, resources);
  check_needs(scorer, spec.name);
  return scorer;
}

std::unique_ptr<LayerPress> make_press(const MethodSpec& spec, const ScorerResources& resources) {
  const auto make = description_of(spec, resources).make_press;
  auto press = make ? make(spec, resources) : per_head(make_scorer(spec, resources), spec);
  if (make) check_needs(press->needs(), spec.name);
  return resources.sink ? recording_press(std::move(press), *resources.sink) : std::move(press);
}

}  // namespace kvcompare
