#include "presses/methods/streaming_llm.h"

#include <ATen/ops/arange.h>

#include "presses/scorer.h"

namespace kvcompare {
namespace {

struct StreamingLlmParameters {
  std::int64_t n_sink = 4;
};

void visit_parameters(auto& parameters, const auto& visit) { visit(parameters.n_sink, sink_flag()); }

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

MethodDescription streaming_llm_method() {
  return {.name = "streaming_llm",
          .display_name = "StreamingLLM",
          .aliases = {"StreamingLLMPress", "streaming"},
          .in_all = true,
          .parameters = described<StreamingLlmParameters>(),
          .summary = "the position: the most recent keys and the sinks stay",
          .source = "StreamingLLM, arXiv 2309.17453",
          .make = [](const MethodSpec&, const ScorerResources&) -> Scorer {
            return std::make_unique<StreamingLlm>();
          },
          .on_device = [](const MethodSpec&) -> DeviceSchedule { return PositionScores{}; }};
}

}  // namespace kvcompare
