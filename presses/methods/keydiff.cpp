#include "presses/methods/keydiff.h"

#include <algorithm>
#include <cmath>
#include <ranges>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/linalg_vector_norm.h>

#include "presses/methods/keydiff_kernels.h"
#include "presses/scorer.h"

namespace kvcompare {
namespace {

constexpr double kLeastNorm = 1e-12;  // of what is divided by its norm

at::Tensor normalised(const at::Tensor& x) {
  return x / at::linalg_vector_norm(x, 2, at::IntArrayRef{-1}, /*keepdim=*/true).clamp_min(kLeastNorm);
}

// Scores are rounded to 40 binary places. Of two keys each has the same cosine with their mean, so that
// otherwise rounding would decide which of them is evicted.
class KeyDiffLayer : public DriftingScorer::Layer {
 public:
  void append(const LayerView& /*tokens*/) override {}
  at::Tensor score(std::int64_t /*n*/, std::int64_t /*kv_head*/, const AliveKeys& alive) const override {
    const auto directions = normalised(alive.k.to(at::kDouble));
    return -directions.matmul(normalised(directions.mean(0))) + kFortyPlaces - kFortyPlaces;
  }
};

// The sum of the directions of the alive keys is made anew in each block; from event to event the difference
// is added. The candidates of a block are copied into tiles: a task of the keys is a range of tiles.
class KeyDiffHead : public DriftingScorer::Head {
 public:
  explicit KeyDiffHead(const at::Tensor& k)
      : directions_(normalised(k.to(at::kDouble)).contiguous()),
        d_head_(static_cast<std::size_t>(k.size(1))),
        sum_(d_head_),
        mean_(d_head_) {}

  void start_events(std::span<const std::int64_t> /*n*/) override {}

  void start_keys(std::span<const std::int32_t> candidates) override {
    candidates_.assign(candidates.begin(), candidates.end());
    const auto n_tiles = (candidates.size() + kDirectionsInTile - 1) / kDirectionsInTile;
    tiles_.resize(n_tiles * kDirectionsInTile *
                  d_head_);  // what lies behind the last candidate is not looked at
    summed_.clear();
    std::ranges::fill(sum_, 0);
  }

  std::size_t n_key_tasks() const override { return (candidates_.size() + kKeysInTask - 1) / kKeysInTask; }

  void run_key_task(std::size_t task) override {
    const auto end = std::min((task + 1) * kKeysInTask, candidates_.size());
    for (auto c = task * kKeysInTask; c < end; ++c) {
      const auto* from = direction(c);
      auto* to = tiles_.data() + c / kDirectionsInTile * kDirectionsInTile * d_head_ + c % kDirectionsInTile;
      for (std::size_t channel = 0; channel < d_head_; ++channel)
        to[channel * kDirectionsInTile] = from[channel];
    }
  }

  void score(std::size_t /*event*/, std::span<const std::int32_t> alive, std::span<double> scores) override {
    if (alive.empty()) return;
    sum_up(alive);
    double square = 0;
    for (std::size_t c = 0; c < d_head_; ++c) {
      mean_[c] = sum_[c] / static_cast<double>(alive.size());
      square += mean_[c] * mean_[c];
    }
    const auto norm = std::max(std::sqrt(square), kLeastNorm);
    for (auto& x : mean_) x /= norm;
    const auto n_tiles = static_cast<std::size_t>(alive.back()) / kDirectionsInTile + 1;
    products_.resize(n_tiles * kDirectionsInTile);
    minus_dot_products(std::span(tiles_).first(n_tiles * kDirectionsInTile * d_head_), mean_, products_);
    for (std::size_t i = 0; i < alive.size(); ++i) scores[i] = products_[static_cast<std::size_t>(alive[i])];
  }

 private:
  static constexpr std::size_t kKeysInTask = 16 * kDirectionsInTile;

  const double* direction(std::size_t candidate) const {
    return directions_.const_data_ptr<double>() + static_cast<std::size_t>(candidates_[candidate]) * d_head_;
  }

  void add(std::int32_t candidate, double sign) {
    const auto* x = direction(static_cast<std::size_t>(candidate));
    for (std::size_t c = 0; c < d_head_; ++c) sum_[c] += sign * x[c];
  }

  // Both lists ascend. Since the event before few keys have gone, and new ones have come behind all others.
  // So up to the next key that has gone both lists are the same, from there on they never are: it is searched
  // for by halves.
  void sum_up(std::span<const std::int32_t> alive) {
    std::size_t n_gone = 0;
    for (std::size_t i = 0; i + n_gone < summed_.size(); ++n_gone) {
      const auto places = std::views::iota(i, std::min(alive.size(), summed_.size() - n_gone));
      i = *std::ranges::partition_point(
          places, [&](std::size_t place) { return alive[place] == summed_[place + n_gone]; });
      if (i + n_gone == summed_.size()) break;
      add(summed_[i + n_gone], -1);
    }
    for (auto i = summed_.size() - n_gone; i < alive.size(); ++i) add(alive[i], 1);
    summed_.assign(alive.begin(), alive.end());
  }

  const at::Tensor directions_;  // [n_tokens, d_head], float64
  const std::size_t d_head_;
  std::vector<std::int32_t> candidates_;
  std::vector<double> tiles_;         // directions of the candidates
  std::vector<std::int32_t> summed_;  // the candidates that sum_ is made of
  std::vector<double> sum_, mean_;    // [d_head]; the direction of the mean
  std::vector<double> products_;
};

class KeyDiff : public DriftingScorer {
 public:
  Needs needs() const override { return {.k = true}; }
  std::unique_ptr<Layer> start_layer() const override { return std::make_unique<KeyDiffLayer>(); }
  std::unique_ptr<Head> start_head(const WholeHead& head) const override {
    return std::make_unique<KeyDiffHead>(head.k);
  }
};

// At every event the product of each key with a mean.
MethodCost cost(const MethodSpec&, const ModelShape& shape) {
  return {.per_key_and_event = 2 * static_cast<double>(shape.n_evicting_layers() * shape.n_kv_heads) *
                               static_cast<double>(shape.head_dim)};
}

}  // namespace

MethodDescription keydiff_method() {
  return {
      .name = "keydiff",
      .display_name = "KeyDiff",
      .aliases = {"KeyDiffPress"},
      .summary =
          "minus the cosine between the key and the mean direction of the cached keys, rounded to 40 "
          "binary places",
      .source = "KeyDiff, arXiv 2504.15364",
      .make = [](const MethodSpec&, const ScorerResources&) -> Scorer { return std::make_unique<KeyDiff>(); },
      .cost = cost,
      .on_device = [](const MethodSpec&) -> DeviceSchedule { return HostSchedule{}; }};
}

}  // namespace kvcompare
