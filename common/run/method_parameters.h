// The parameters of an instance, by the name of the flag that gives them.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/run/method_spec.h"

namespace kvcompare {

// Calls visit(flag, member) for every parameter. A member that is not listed here does not compile.
// n_sink has two flags, of which a method reads one.
template <class Parameters, class Visit>
void visit_parameters(Parameters& parameters, const Visit& visit) {
  auto& [n_sink, seed, n_future_positions, use_covariance, use_vnorm, kvzap_scorer_model, kvzap_model_type,
         kvzap_scorer] = parameters;
  visit("n_sink", n_sink);
  visit("kvzap_n_sink", n_sink);
  visit("seed", seed);
  visit("n_future_positions", n_future_positions);
  visit("use_covariance", use_covariance);
  visit("use_vnorm", use_vnorm);
  visit("kvzap_scorer_model", kvzap_scorer_model);
  visit("kvzap_model_type", kvzap_model_type);
  visit("kvzap_scorer", kvzap_scorer);
}

inline bool reads(const MethodSpec& method, std::string_view flag) {
  return std::ranges::find(method.reads, flag) != method.reads.end();
}

// Calls visit(flag, value) for everything that makes the instance what it is, in an order of its own: the
// policy ("ratio" or "threshold"), its parameters, and those that the scorer reads. Not where a scorer lies:
// kvzap_scorer says what it holds.
template <class Visit>
void visit_used(const MethodSpec& method, const Visit& visit) {
  if (const auto* ratio = std::get_if<RatioBudget>(&method.policy)) {
    visit("policy", std::string("ratio"));
    visit("compression_ratio", ratio->compression_ratio);
  } else if (const auto* threshold = std::get_if<ScoreThreshold>(&method.policy)) {
    visit("policy", std::string("threshold"));
    visit("threshold", threshold->threshold);
    visit("sliding_window_size", threshold->sliding_window_size);
  }
  visit_parameters(method.parameters, [&](std::string_view flag, const auto& value) {
    if (flag == "kvzap_scorer" ? reads(method, "kvzap_scorer_model")
                               : flag != "kvzap_scorer_model" && reads(method, flag))
      visit(flag, value);
  });
}

// The flags of which an instance has one value of several, in the order in which a sweep combines them: the
// strength of the policy changes fastest. Policy and kind of scorer take one value.
std::vector<std::string> swept_flags(const MethodSpec& method);

}  // namespace kvcompare
