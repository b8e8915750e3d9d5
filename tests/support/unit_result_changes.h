// One change for each value of a UnitResult, listed by hand and not by common/fields.h: what carries results
// must carry every one of them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/run/unit_result.h"

namespace kvcompare {

enum class Carried {
  kEverywhere,
  kInMessages,  // no value of the journal: it stands beside the values, or follows from them
};

struct ResultChange {
  std::string name;
  std::function<void(UnitResult&)> apply;
  Carried carried = Carried::kEverywhere;
};

inline UnitResult result_of_distinct_values() {
  return {.unit = {SampleIndex(100), MethodIndex(101)},
          .numbers = {.n_tokens = 102,
                      .total_nll = 103.5,
                      .keys = {.original = 104,
                               .kept = 11,  // the sum of per_head
                               .attended = 106,
                               .attendable = 107,
                               .withheld_from_scored = 108,
                               .compressible = 109,
                               .compressible_kept = 110,
                               .peak = 111},
                      .n_unscored = 116,
                      .scored_bytes = 117,
                      .scored_words = 118},
          .kept = {.n_layers = 112, .n_kv_heads = 113, .per_head = {5, 6}, .by_position = {7, 8}},
          .scored = {{119, 120}},
          .token_nll = {0.1, 0.2},
          .nll_by_position = {.bin_width = 114, .total_nll = {0.3}, .n_scored = {115}},
          .seconds = 0.4};
}

// Does not compile if a struct has another number of members: add the change for the new one below.
inline void know_every_member(const UnitResult& result) {
  [[maybe_unused]] const auto& [unit, numbers, kept, scored, token_nll, nll_by_position, seconds] = result;
  [[maybe_unused]] const auto& [n_tokens, total_nll, keys, n_unscored, scored_bytes, scored_words] = numbers;
  [[maybe_unused]] const auto& [k1, k2, k3, k4, k5, k6, k7, k8] = keys;
  [[maybe_unused]] const auto& [n_layers, n_kv_heads, per_head, by_position] = kept;
  [[maybe_unused]] const auto& [bin_width, bin_nll, bin_scored] = nll_by_position;
}

inline std::vector<ResultChange> changes_of_a_result() {
  return {
      {"unit.sample", [](auto& r) { r.unit.sample.value = 1; }, Carried::kInMessages},
      {"unit.method", [](auto& r) { r.unit.method.value = 1; }, Carried::kInMessages},
      {"n_tokens", [](auto& r) { r.numbers.n_tokens = 1; }},
      {"total_nll", [](auto& r) { r.numbers.total_nll = 1; }},
      {"original", [](auto& r) { r.numbers.keys.original = 1; }},
      {"kept", [](auto& r) { r.numbers.keys.kept = 1; }, Carried::kInMessages},
      {"attended", [](auto& r) { r.numbers.keys.attended = 1; }},
      {"attendable", [](auto& r) { r.numbers.keys.attendable = 1; }},
      {"withheld_from_scored", [](auto& r) { r.numbers.keys.withheld_from_scored = 1; }},
      {"compressible", [](auto& r) { r.numbers.keys.compressible = 1; }},
      {"compressible_kept", [](auto& r) { r.numbers.keys.compressible_kept = 1; }},
      {"peak", [](auto& r) { r.numbers.keys.peak = 1; }},
      {"n_unscored", [](auto& r) { r.numbers.n_unscored = 1; }},
      {"scored_bytes", [](auto& r) { r.numbers.scored_bytes = 1; }},
      {"scored_words", [](auto& r) { r.numbers.scored_words = 1; }},
      {"scored",
       [](auto& r) {
         r.scored = {{119, 121}};
       }},
      {"n_layers", [](auto& r) { r.kept.n_layers = 1; }},
      {"n_kv_heads", [](auto& r) { r.kept.n_kv_heads = 1; }},
      {"per_head",
       [](auto& r) {
         r.kept.per_head = {6, 5};
       }},
      {"by_position", [](auto& r) { r.kept.by_position.back() = 1; }},
      {"token_nll", [](auto& r) { r.token_nll.back() = 1; }},
      {"bin_width", [](auto& r) { r.nll_by_position.bin_width = 1; }},
      {"bins.total_nll", [](auto& r) { r.nll_by_position.total_nll = {1}; }},
      {"bins.n_scored", [](auto& r) { r.nll_by_position.n_scored = {1}; }},
      {"seconds", [](auto& r) { r.seconds = 1; }, Carried::kInMessages},
  };
}

}  // namespace kvcompare
