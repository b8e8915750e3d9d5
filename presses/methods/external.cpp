#include "presses/methods/external.h"

#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>

#include <ATen/TensorOperators.h>

#include "common/errors.h"
#include "presses/methods/external_scores.h"
#include "presses/scorer.h"

namespace kvcompare {
namespace {

struct ExternalParameters {
  std::string external_scores;  // folder
};

void visit_parameters(auto& parameters, const auto& visit) {
  visit(parameters.external_scores,
        {.name = "external_scores",
         .section = "External scores",
         .help = "Folder with a file sample_000012.safetensors for every sample (its index in the data set, "
                 "from 0), whose tensor `scores` [layers, KV heads, tokens] says how important each key is; "
                 "higher is kept. {methods} needs it. docs/your_own_method.md tells how to write one.",
         .absent = "none"});
}

class External : public FixedScorer {
 public:
  explicit External(const ExternalScores& scores) : scores_(scores) {}

  Needs needs() const override { return {}; }

  at::Tensor score(const LayerView& tokens) const override {
    const auto all = of_sample(tokens.sample);
    const auto end = tokens.first_position + tokens.n_tokens;
    if (tokens.layer.value >= all.size(0) || tokens.n_kv_heads != all.size(1) || end > all.size(2))
      throw std::domain_error("external: the scores of sample " + std::to_string(tokens.sample.value) +
                              " are not those that were checked before the run");
    return all.select(0, tokens.layer.value)
        .narrow(1, tokens.first_position, tokens.n_tokens)
        .to(tokens.device, at::kDouble);
  }

 private:
  // A scorer is asked for the tiles of a sample one after the other: the file is opened once.
  at::Tensor of_sample(SampleIndex sample) const {
    const std::scoped_lock lock(mutex_);
    if (open_ != sample) {
      opened_ = scores_.of_sample(sample);
      open_ = sample;
    }
    return opened_;
  }

  const ExternalScores& scores_;
  mutable std::mutex mutex_;
  mutable std::optional<SampleIndex> open_;
  mutable at::Tensor opened_;  // of the sample open_
};

Scorer make(const MethodSpec& method, const ScorerResources& resources) {
  const auto place = parameters_of<ExternalParameters>(method).external_scores;
  require(resources.external != nullptr, "external: no scores were opened");
  const auto scores = resources.external->find(place);
  require(scores != resources.external->end(), "external: no scores were opened in " + place);
  return std::make_unique<External>(*scores->second);
}

}  // namespace

MethodDescription external_method() {
  return {.name = "external",
          .display_name = "External",
          .parameters = described<ExternalParameters>(),
          .summary = "read from the files of a folder, a score of each key of each KV head",
          .source = "your own: docs/your_own_method.md",
          .make = make,
          .on_device = [](const MethodSpec&) -> DeviceSchedule { return TokenScores{}; }};
}

}  // namespace kvcompare
