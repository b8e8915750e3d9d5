#include "worker/search/recorded_scores.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <variant>

#include "common/errors.h"

namespace kvcompare {
namespace {

using Fixed = std::unique_ptr<FixedScorer>;

class RecordingScorer : public FixedScorer {
 public:
  RecordingScorer(Fixed scorer, RecordedScores& scores) : scorer_(std::move(scorer)), scores_(scores) {}

  Needs needs() const override { return scorer_->needs(); }
  at::Tensor score(const LayerView& tokens) const override {
    auto scores = scorer_->score(tokens);
    scores_.take(tokens, scores);
    return scores;
  }

 private:
  const Fixed scorer_;
  RecordedScores& scores_;
};

// A row makes scorers by a plain function, which finds the record by way of the row.
Scorer make_recording(const MethodSpec& method, const ScorerResources& resources) {
  const auto& row = static_cast<const RecordedMethod&>(description_of(method, resources));
  auto scorer = description_of(method).make(method, resources);
  auto* fixed = std::get_if<Fixed>(&scorer);
  if (!fixed)
    throw ConfigError("target_density", "the scores of '" + method.name + "' change from event to event");
  return std::make_unique<RecordingScorer>(std::move(*fixed), *row.scores);
}

}  // namespace

RecordedScores::RecordedScores(std::int64_t n_layers, std::int64_t n_kv_heads)
    : n_layers_(n_layers), n_kv_heads_(n_kv_heads) {}

void RecordedScores::expect(const Sample& sample) {
  scores_[sample.index].resize(static_cast<std::size_t>(n_layers_ * n_kv_heads_) * sample.ids.size());
}

void RecordedScores::take(const LayerView& tokens, const at::Tensor& scores) {
  auto& all = scores_.at(tokens.sample);
  const auto n_tokens = std::ssize(all) / (n_layers_ * n_kv_heads_);
  const auto on_host = scores.to(at::kCPU, at::kDouble).contiguous();
  const auto* row = on_host.const_data_ptr<double>();
  for (std::int64_t h = 0; h < n_kv_heads_; ++h, row += tokens.n_tokens)
    std::copy_n(row, tokens.n_tokens,
                all.begin() + (tokens.place * n_kv_heads_ + h) * n_tokens + tokens.first_position);
}

std::span<const double> RecordedScores::of_head(SampleIndex sample, std::int64_t layer,
                                                std::int64_t kv_head) const {
  const auto& all = scores_.at(sample);
  const auto n_tokens = std::ssize(all) / (n_layers_ * n_kv_heads_);
  return std::span(all).subspan(static_cast<std::size_t>((layer * n_kv_heads_ + kv_head) * n_tokens),
                                static_cast<std::size_t>(n_tokens));
}

void RecordedScores::forget(SampleIndex sample) { scores_.erase(sample); }

RecordedMethod recorded(const MethodSpec& method, RecordedScores& scores) {
  RecordedMethod row{description_of(method), &scores};
  row.make = make_recording;
  row.on_device = [](const MethodSpec&) -> DeviceSchedule { return HostSchedule{}; };
  return row;
}

bool may_have_fixed_scores(const MethodSpec& method) {
  const auto& row = description_of(method);
  if (row.make == nullptr) return false;
  // Those that read files cannot be made here, and are fixed.
  return needs_trained_scorer(row) || !flag_of_scores(row).empty() ||
         std::holds_alternative<Fixed>(make_scorer(method, {}));
}

}  // namespace kvcompare
