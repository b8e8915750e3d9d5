// Keeps the scores that an engine computes while it evaluates units. The engine meets the method as one of
// its own, and no number of a unit changes.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

#include "common/data/sample.h"
#include "presses/registry.h"
#include "presses/scorer.h"

namespace kvcompare {

// Scores by sample, layer, KV head and position.
class RecordedScores {
 public:
  RecordedScores(std::int64_t n_layers, std::int64_t n_kv_heads);

  // Makes room for a sample. To be called before the sample is evaluated, and not meanwhile.
  void expect(const Sample& sample);

  // Several threads may call it at once with different tokens.
  //   scores : [n_kv_heads, n_tokens], of the tokens that the view shows
  void take(const LayerView& tokens, const at::Tensor& scores);

  // [n_tokens]
  std::span<const double> of_head(SampleIndex sample, std::int64_t layer, std::int64_t kv_head) const;

  void forget(SampleIndex sample);

 private:
  std::int64_t n_layers_, n_kv_heads_;
  std::map<SampleIndex, std::vector<double>> scores_;  // [n_layers * n_kv_heads * n_tokens]
};

// The row of a method of the registry, with a scorer that hands its scores over as well. On a GPU the host
// decides which keys die.
struct RecordedMethod : MethodDescription {
  RecordedScores* scores = nullptr;
};

// `scores` outlives the engine that meets the row, and so does the row. An engine with the row throws
// ConfigError("target_density") if the scores of the method are not fixed.
RecordedMethod recorded(const MethodSpec& method, RecordedScores& scores);

// Whether a token of this method gets its score once. Of a method with a trained scorer the engine tells.
bool may_have_fixed_scores(const MethodSpec& method);

}  // namespace kvcompare
