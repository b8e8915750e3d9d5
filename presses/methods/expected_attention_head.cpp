#include "presses/methods/expected_attention_head.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros.h>

#include "common/size.h"
#include "presses/methods/expected_attention_kernels.h"

namespace kvcompare {
namespace {

template <class T>
std::span<T> row(const at::Tensor& matrix, std::int64_t i) {
  return {matrix.mutable_data_ptr<T>() + i * matrix.stride(0), size(matrix.size(1))};
}

// z of a block of events and all candidates is one matrix product: of the mean and covariance that an event
// has, by the keys and the products of their channels, in the layout of expected_attention_kernels.h. A task
// of the events is a query head: its statistics at each event. A task of the keys is a tile of candidates.
// T: type of the forms, float or double.
template <class T>
class ExpectedAttentionHead : public DriftingScorer::Head {
 public:
  ExpectedAttentionHead(const ExpectedAttentionParameters& parameters, const WholeHead& head)
      : parameters_(parameters),
        rule_(head.rule),
        q_(head.raw_q),
        k_(head.k.to(kType).contiguous()),
        log_vnorm_(at::linalg_vector_norm(head.v.to(at::kDouble), 2, at::IntArrayRef{-1}).log()),
        group_(q_.size(0)),
        d_head_(q_.size(2)),
        n_products_(parameters.use_covariance ? std::int64_t(n_pair_products(size(d_head_))) : 0),
        mean_(at::zeros({group_, d_head_}, at::kDouble)),
        scatter_(at::zeros({group_, std::int64_t(n_pair_products(size(d_head_)))}, at::kDouble)) {
    if (!rule_.sinks.defined()) return;
    const auto sinks = rule_.sinks.to(kType).contiguous();
    sinks_.assign(sinks.template const_data_ptr<T>(), sinks.template const_data_ptr<T>() + group_);
  }

  void start_events(std::span<const std::int64_t> n) override {
    n_before_ = n_.empty() ? 0 : n_.back();
    n_.assign(n.begin(), n.end());
    queries_ = at::empty({std::ssize(n) * group_, d_head_ + n_products_}, kType);
  }

  std::size_t n_event_tasks() const override { return size(group_); }

  void run_event_task(std::size_t task) override {
    const auto g = static_cast<std::int64_t>(task);
    const auto rotations = rule_.rope->means(n_, parameters_.n_future_positions);
    const auto first = std::max(n_before_, parameters_.n_sink);
    const auto n_fresh = std::max<std::int64_t>(0, n_.back() - first);
    const auto q = q_.select(0, g).narrow(0, n_.back() - n_fresh, n_fresh).to(at::kDouble).contiguous();
    std::vector<double> statistics(size(d_head_ + n_products_));
    std::int64_t n_seen = 0;  // rows of q
    for (std::int64_t e = 0; e < std::ssize(n_); ++e) {
      for (; first + n_seen < n_[size(e)]; ++n_seen) {
        const auto count = static_cast<double>(first + n_seen - parameters_.n_sink + 1);
        add_query(row<double>(q, n_seen), count, row<double>(mean_, g), row<double>(scatter_, g));
      }
      write_statistics(g, n_[size(e)], row<double>(rotations.cos, e), row<double>(rotations.sin, e),
                       statistics);
      std::ranges::transform(statistics, row<T>(queries_, e * group_ + g).begin(),
                             [](double x) { return static_cast<T>(x); });
    }
  }

  void start_keys(std::span<const std::int32_t> candidates) override {
    candidates_.assign(candidates.begin(), candidates.end());
    n_of_z_ = n_;
    z_ = at::empty({queries_.size(0), std::ssize(candidates)}, kType);
  }

  std::size_t n_key_tasks() const override {
    return size((std::ssize(candidates_) + kKeysInTile - 1) / kKeysInTile);
  }

  // Of the events before the tile's first key there is no z: the key is not yet there.
  void run_key_task(std::size_t task) override {
    const auto first = static_cast<std::int64_t>(task) * kKeysInTile;
    const auto n_keys = std::min(kKeysInTile, std::ssize(candidates_) - first);
    const auto e =
        std::ranges::upper_bound(n_of_z_, std::int64_t{candidates_[size(first)]}) - n_of_z_.begin();
    const auto n_rows = queries_.size(0) - e * group_;
    auto z = z_.narrow(0, e * group_, n_rows).narrow(1, first, n_keys);
    at::mm_out(z, queries_.narrow(0, e * group_, n_rows),
               key_features(std::span(candidates_).subspan(size(first), size(n_keys))).t());
  }

  void score(std::size_t event, std::span<const std::int32_t> alive, std::span<double> scores) override {
    const auto is_sink = [&](std::int32_t c) { return candidates_[size(c)] < parameters_.n_sink; };
    const auto n_sinks = static_cast<std::size_t>(std::ranges::find_if_not(alive, is_sink) - alive.begin());
    std::ranges::fill(scores.first(n_sinks), 0);
    const auto body = alive.subspan(n_sinks);
    if (body.empty()) return;
    // The learned sink of a query head is one more key, whose score nobody asks for.
    const auto n = body.size() + (sinks_.empty() ? 0 : 1);
    z_alive_.resize(size(group_) * n);
    auto* gathered = z_alive_.data();
    for (std::int64_t g = 0; g < group_; ++g, gathered += n) {
      const auto* z = row<T>(z_, std::int64_t(event) * group_ + g).data();
      for (std::size_t i = 0; i < body.size(); ++i) gathered[i] = z[body[i]];
      if (!sinks_.empty()) gathered[body.size()] = sinks_[size(g)];
    }
    scores_.resize(n);
    log_mean_softmax(std::span(z_alive_), size(group_), std::span(scores_));
    std::copy_n(scores_.begin(), body.size(), scores.begin() + std::ptrdiff_t(n_sinks));
    if (!parameters_.use_vnorm) return;
    const auto* log_vnorm = log_vnorm_.const_data_ptr<double>();
    for (std::size_t i = 0; i < body.size(); ++i)
      scores[n_sinks + i] += log_vnorm[candidates_[size(body[i])]];
  }

 private:
  static constexpr auto kType = c10::CppTypeToScalarType<T>::value;
  static constexpr std::int64_t kKeysInTile = 64;

  // The product of `out` with a row of key_features is z. cos, sin: mean rotation at the event after n
  // tokens.
  void write_statistics(std::int64_t g, std::int64_t n, std::span<const double> cos,
                        std::span<const double> sin, std::span<double> out) const {
    const auto divisor = rule_.scale.divisor();
    const auto count = static_cast<double>(std::max<std::int64_t>(1, n - parameters_.n_sink));
    const auto mean = row<double>(mean_, g);
    const auto half = cos.size();
    for (std::size_t c = 0; c < half; ++c) {
      out[c] = (mean[c] * cos[c] - mean[c + half] * sin[c]) / divisor;
      out[c + half] = (mean[c + half] * cos[c] + mean[c] * sin[c]) / divisor;
    }
    if (n_products_ > 0)
      rotate_covariance(row<double>(scatter_, g), 1 / count / (2 * rule_.scale.scalar), cos, sin,
                        out.subspan(size(d_head_)));
  }

  // Channels and their products: [n_keys, d_head + n_products].
  at::Tensor key_features(std::span<const std::int32_t> positions) const {
    auto features = at::empty({std::ssize(positions), d_head_ + n_products_}, kType);
    for (std::int64_t i = 0; i < std::ssize(positions); ++i) {
      const std::span<const T> k = row<T>(k_, positions[size(i)]);
      const auto out = row<T>(features, i);
      std::ranges::copy(k, out.begin());
      if (n_products_ > 0) key_products(k, out.subspan(size(d_head_)));
    }
    return features;
  }

  const ExpectedAttentionParameters parameters_;
  const AttentionRule rule_;
  const at::Tensor q_;          // [group, n_tokens, d_head]
  const at::Tensor k_;          // [n_tokens, d_head]
  const at::Tensor log_vnorm_;  // [n_tokens]
  const std::int64_t group_;
  const std::int64_t d_head_;
  const std::int64_t n_products_;
  at::Tensor mean_;     // [group, d_head], of the queries seen
  at::Tensor scatter_;  // [group, n_pair_products]
  // Of the block whose events are known:
  std::vector<std::int64_t> n_;
  std::int64_t n_before_ = 0;  // tokens at the last event of the block before
  at::Tensor queries_;         // [n_events * group, d_head + n_products]
  // Of the block whose keys are known:
  std::vector<std::int64_t> n_of_z_;
  std::vector<std::int32_t> candidates_;
  at::Tensor z_;  // [n_events * group, n_candidates]
  std::vector<T> z_alive_;
  std::vector<double> scores_;
  std::vector<T> sinks_;  // of the query heads; empty if they have none
};

}  // namespace

std::unique_ptr<DriftingScorer::Head> start_expected_attention_head(
    const ExpectedAttentionParameters& parameters, const WholeHead& head) {
  if (head.k.scalar_type() == at::kDouble)
    return std::make_unique<ExpectedAttentionHead<double>>(parameters, head);
  return std::make_unique<ExpectedAttentionHead<float>>(parameters, head);
}

}  // namespace kvcompare
