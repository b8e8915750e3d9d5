#include "presses/streaming_llm.h"

#include <ATen/ops/arange.h>

#include "presses/scorer.h"

namespace kvcompare {
namespace {

class StreamingLlm : public FixedScorer {
 public:
  at::Tensor score(const LayerView& tokens) const override {
    const auto n_tokens = tokens.k.size(1);
    return at::arange(tokens.first_position, tokens.first_position + n_tokens,
                      tokens.k.options().dtype(at::kDouble))
        .expand({tokens.k.size(0), n_tokens});
  }
};

}  // namespace

Scorer make_streaming_llm(const ScorerParameters&, const ScorerResources&) {
  return std::make_unique<StreamingLlm>();
}

}  // namespace kvcompare
