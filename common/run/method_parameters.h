// The parameters of an instance, by the name of the flag that gives them.
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "common/run/method_spec.h"

namespace kvcompare {

// What a parameter is. Its name says so:
//   n_sink, X_n_sink   kSinks : first positions, which are never evicted
//   X_scorer_model     kPlace : where a trained scorer lies: a folder or a hub id
//   X_scores           kPlace : where scores of every sample lie: a folder
//   X_model_type       kKind  : what kind of scorer lies there; takes one value; "" until the scorer is read
//   X_scorer, X_scores_sha256
//                      kHash  : SHA-256 of what lies there; no flag gives it; "" until that is read
//   any other          kValue
enum class ParameterRole { kValue, kSinks, kPlace, kKind, kHash };
ParameterRole role_of(std::string_view name);

// Whether scores of samples lie at a place of this name, and no trained scorer.
bool is_place_of_scores(std::string_view place_name);

// The hash that belongs to a place: "X_scorer" of "X_scorer_model", "X_scores_sha256" of "X_scores".
std::string hash_name(std::string_view place_name);

// The value as MethodSpec holds it.
template <class T>
ParameterValue parameter_value(T value) {
  if constexpr (std::same_as<T, bool>)
    return value;
  else if constexpr (std::unsigned_integral<T>)
    return value > std::uint64_t{std::numeric_limits<std::int64_t>::max()}
               ? ParameterValue(std::uint64_t{value})
               : ParameterValue(static_cast<std::int64_t>(value));
  else if constexpr (std::integral<T>)
    return std::int64_t{value};
  else if constexpr (std::floating_point<T>)
    return double{value};
  else
    return std::string(value);
}

// The other way, into bool, std::int64_t, std::uint64_t, double or std::string. Throws InvariantError, naming
// the parameter, if the value is none of that type.
template <class T>
T value_as(const MethodParameter& parameter);

extern template bool value_as(const MethodParameter&);
extern template std::int64_t value_as(const MethodParameter&);
extern template std::uint64_t value_as(const MethodParameter&);
extern template double value_as(const MethodParameter&);
extern template std::string value_as(const MethodParameter&);

// Null if there is none.
const MethodParameter* find_parameter(const std::vector<MethodParameter>& parameters, std::string_view name);
const MethodParameter* find_parameter(const MethodSpec& method, ParameterRole role);
MethodParameter* find_parameter(MethodSpec& method, ParameterRole role);

// The text of that parameter, "" if the method has none.
std::string text_of_role(const MethodSpec& method, ParameterRole role);

// Replaces the value of the parameter `name`, or appends it.
void set_parameter(std::vector<MethodParameter>& parameters, std::string_view name, ParameterValue value);

// The first positions that a scorer with sinks spares: the value of the parameter of the role kSinks, 0 if
// there is none.
std::int64_t sinks_of(const MethodSpec& method);

// The latest positions that a threshold policy does not judge yet: the larger of sliding_window_size and
// protect_last. 0 under another policy.
std::int64_t window_of(const MethodSpec& method);

// The names that flags give to how layers and heads share a budget.
inline constexpr std::string_view kUniformBudgets = "uniform", kPyramidBudgets = "pyramid",
                                  kAdaptiveBudgets = "adaptive";

// Calls visit(flag, value) for everything that makes the instance what it is, in an order of its own: the
// policy ("ratio", "size" or "threshold"), its parameters, those of the press, what is protected, as far as
// it is not 0, and how a budget is shared, as far as it is not uniform. Not where a scorer lies: the hash
// says what lies there.
template <class Visit>
void visit_used(const MethodSpec& method, const Visit& visit) {
  if (const auto* ratio = std::get_if<RatioBudget>(&method.policy)) {
    visit("policy", std::string("ratio"));
    visit("compression_ratio", ratio->compression_ratio);
  } else if (const auto* size = std::get_if<SizeBudget>(&method.policy)) {
    visit("policy", std::string("size"));
    visit("cache_size", size->cache_size);
  } else if (const auto* threshold = std::get_if<ScoreThreshold>(&method.policy)) {
    visit("policy", std::string("threshold"));
    visit("threshold", threshold->threshold);
    visit("sliding_window_size", threshold->sliding_window_size);
  }
  for (const auto& parameter : method.parameters)
    if (role_of(parameter.name) != ParameterRole::kPlace)
      std::visit([&](const auto& value) { visit(std::string_view(parameter.name), value); }, parameter.value);
  if (method.protection.first != 0) visit("protect_first", method.protection.first);
  if (method.protection.last != 0) visit("protect_last", method.protection.last);
  if (method.shares.layers == LayerBudgets::kPyramid) {
    visit("layer_budgets", std::string(kPyramidBudgets));
    visit("pyramid_beta", method.shares.pyramid_beta);
  }
  if (method.shares.heads == HeadBudgets::kAdaptive) {
    visit("head_budgets", std::string(kAdaptiveBudgets));
    visit("alpha_safeguard", method.shares.alpha_safeguard);
  }
}

// The flags of which an instance has one value of several, in the order in which a sweep combines them: the
// strength of the policy changes fastest. Policy and kind of scorer take one value.
std::vector<std::string> swept_flags(const MethodSpec& method);

}  // namespace kvcompare
