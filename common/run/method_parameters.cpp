#include "common/run/method_parameters.h"

#include <algorithm>

#include "common/errors.h"

namespace kvcompare {
namespace {

constexpr std::string_view kPlaceEnd = "_scorer_model", kKindEnd = "_model_type", kHashEnd = "_scorer";
constexpr std::string_view kScoresEnd = "_scores", kHashOfScores = "_sha256";

bool is_hash_of_scores(std::string_view name) {
  return name.ends_with(kHashOfScores) &&
         is_place_of_scores(name.substr(0, name.size() - kHashOfScores.size()));
}

template <class Spec>
auto* found(Spec& method, ParameterRole role) {
  const auto it = std::ranges::find_if(
      method.parameters, [&](const auto& parameter) { return role_of(parameter.name) == role; });
  return it == method.parameters.end() ? nullptr : &*it;
}

}  // namespace

ParameterRole role_of(std::string_view name) {
  if (name == "n_sink" || name.ends_with("_n_sink")) return ParameterRole::kSinks;
  if (name.ends_with(kPlaceEnd) || is_place_of_scores(name)) return ParameterRole::kPlace;
  if (name.ends_with(kKindEnd)) return ParameterRole::kKind;
  if (name.ends_with(kHashEnd) || is_hash_of_scores(name)) return ParameterRole::kHash;
  return ParameterRole::kValue;
}

bool is_place_of_scores(std::string_view place_name) { return place_name.ends_with(kScoresEnd); }

std::string hash_name(std::string_view place_name) {
  require(role_of(place_name) == ParameterRole::kPlace, std::string(place_name) + " is the name of no place");
  if (is_place_of_scores(place_name)) return std::string(place_name) + std::string(kHashOfScores);
  return std::string(place_name.substr(0, place_name.size() - kPlaceEnd.size())) + std::string(kHashEnd);
}

template <class T>
T value_as(const MethodParameter& parameter) {
  if (const auto* value = std::get_if<T>(&parameter.value)) return *value;
  if constexpr (std::same_as<T, std::uint64_t>)
    if (const auto* whole = std::get_if<std::int64_t>(&parameter.value); whole && *whole >= 0)
      return static_cast<std::uint64_t>(*whole);
  throw InvariantError("the parameter " + parameter.name + " is of another type");
}

template bool value_as(const MethodParameter&);
template std::int64_t value_as(const MethodParameter&);
template std::uint64_t value_as(const MethodParameter&);
template double value_as(const MethodParameter&);
template std::string value_as(const MethodParameter&);

const MethodParameter* find_parameter(const std::vector<MethodParameter>& parameters, std::string_view name) {
  const auto it = std::ranges::find(parameters, name, &MethodParameter::name);
  return it == parameters.end() ? nullptr : &*it;
}

const MethodParameter* find_parameter(const MethodSpec& method, ParameterRole role) {
  return found(method, role);
}

MethodParameter* find_parameter(MethodSpec& method, ParameterRole role) { return found(method, role); }

std::string text_of_role(const MethodSpec& method, ParameterRole role) {
  const auto* parameter = find_parameter(method, role);
  return parameter ? value_as<std::string>(*parameter) : "";
}

void set_parameter(std::vector<MethodParameter>& parameters, std::string_view name, ParameterValue value) {
  const auto it = std::ranges::find(parameters, name, &MethodParameter::name);
  if (it != parameters.end())
    it->value = std::move(value);
  else
    parameters.push_back({std::string(name), std::move(value)});
}

std::int64_t sinks_of(const MethodSpec& method) {
  const auto* parameter = find_parameter(method, ParameterRole::kSinks);
  return parameter ? value_as<std::int64_t>(*parameter) : 0;
}

std::int64_t window_of(const MethodSpec& method) {
  const auto* threshold = std::get_if<ScoreThreshold>(&method.policy);
  return threshold ? std::max(threshold->sliding_window_size, method.protection.last) : 0;
}

std::vector<std::string> swept_flags(const MethodSpec& method) {
  std::vector<std::string> flags;
  for (const auto& parameter : method.parameters)
    if (const auto role = role_of(parameter.name);
        role != ParameterRole::kKind && role != ParameterRole::kHash)
      flags.push_back(parameter.name);
  if (!std::holds_alternative<KeepAll>(method.policy)) {
    flags.emplace_back("protect_first");
    flags.emplace_back("protect_last");
  }
  if (has_budget(method.policy))
    for (const auto* flag : {"layer_budgets", "pyramid_beta", "head_budgets", "alpha_safeguard"})
      flags.emplace_back(flag);
  if (std::holds_alternative<ScoreThreshold>(method.policy)) {
    flags.emplace_back("sliding_window_size");
    flags.emplace_back("threshold");
  } else if (std::holds_alternative<RatioBudget>(method.policy)) {
    flags.emplace_back("compression_ratio");
  } else if (std::holds_alternative<SizeBudget>(method.policy)) {
    flags.emplace_back("cache_size");
  }
  return flags;
}

}  // namespace kvcompare
