#include "presses/methods/streaming_llm.h"

#include <ATen/ops/arange.h>

#include "presses/scorer.h"

namespace kvcompare {
namespace {

class StreamingLlm : public FixedScorer {
 public:
  Needs needs() const override { return {}; }

  at::Tensor score(const LayerView& tokens) const override {
    const auto n_tokens = tokens.n_tokens;
    return at::arange(tokens.first_position, tokens.first_position + n_tokens,
                      at::TensorOptions(tokens.device).dtype(at::kDouble))
        .expand({tokens.n_kv_heads, n_tokens});
  }
};

}  // namespace

Scorer make_streaming_llm(const ScorerParameters&, const ScorerResources&) {
  return std::make_unique<StreamingLlm>();
}

}  // namespace kvcompare
