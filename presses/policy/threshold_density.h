// How much queries read under a threshold policy whose scores are known: attended_density (docs/semantics.md,
// section 4) as a function of the threshold, and the threshold for a density.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "presses/policy/eviction.h"

namespace kvcompare {

// The decimal of the fewest digits near `value` that is accepted; `value` itself if none is.
double shortest_decimal(double value, const std::function<bool(double)>& is_accepted);

// Of KV heads whose scores are fixed: a token gets its score once. A key is judged once, so all that a
// threshold changes is which of the judged keys go, and each that goes saves the reads of the queries after
// its event.
class ThresholdDensity {
 public:
  // Adds a KV head of a sample.
  //   rule   : with a ScoreThreshold, whose threshold does not matter
  //   scores : [n_tokens], higher = keep; those of keys that are judged are no NaN
  void add_head(const EvictionRule& rule, const Chunking& chunking, std::span<const double> scores);

  // The functions below may be called when at least one head has been added.

  // What queries read at this threshold, of what they would read without eviction. Exact.
  double at(double threshold);

  // The same if every key that is judged goes.
  double least() const;

  // A threshold whose density is as near to this one as any is, to kRounding, as a decimal of few digits. Of
  // two that are equally near the one that evicts less.
  double nearest(double density);

  // What the shortness of the decimal may cost.
  static constexpr double kRounding = 0.0005;

 private:
  struct JudgedKey {
    double score;
    std::int64_t n_saved;  // reads; once sorted: of this key and those before it
  };

  void sort();
  double density_of(std::int64_t n_saved) const;
  double nearest_score(double density) const;

  std::vector<JudgedKey> keys_;
  bool is_sorted_ = false;
  std::int64_t n_attendable_ = 0;  // pairs of a query and a key
  std::int64_t n_savable_ = 0;
};

}  // namespace kvcompare
