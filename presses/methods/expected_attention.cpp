#include "presses/methods/expected_attention.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros.h>

#include "presses/methods/expected_attention_kernels.h"
#include "presses/methods/query_statistics.h"
#include "presses/scorer.h"

namespace kvcompare {
namespace {

struct ExpectedAttentionParameters {
  std::int64_t n_sink = 4;
  std::int64_t n_future_positions = 512;
  bool use_covariance = true;
  bool use_vnorm = true;
};

void visit_parameters(auto& parameters, const auto& visit) {
  visit(parameters.n_sink, sink_flag());
  visit(parameters.n_future_positions, {.name = "n_future_positions",
                                        .unit = "tokens",
                                        .help = "expected_attention: how far ahead queries are expected.",
                                        .least = 1});
  visit(parameters.use_covariance,
        {.name = "use_covariance",
         .help = "expected_attention: use the covariance of the queries, not only their mean."});
  visit(parameters.use_vnorm,
        {.name = "use_vnorm", .help = "expected_attention: weight a key by the norm of its value."});
}

class ExpectedAttentionLayer : public DriftingScorer::Layer {
 public:
  ExpectedAttentionLayer(const ExpectedAttentionParameters& parameters, const Rope& rope)
      : parameters_(parameters), rope_(rope) {}

  void append(const LayerView& tokens) override {
    const auto n_tokens = tokens.raw_q.size(1);
    const auto n_skipped = std::clamp<std::int64_t>(parameters_.n_sink - tokens.first_position, 0, n_tokens);
    n_kv_heads_ = tokens.n_kv_heads;
    if (n_skipped < n_tokens) queries_.append(tokens.raw_q.narrow(1, n_skipped, n_tokens - n_skipped));
  }

  // Sinks score 0: the policy keeps them whatever their score.
  at::Tensor score(std::int64_t n, std::int64_t kv_head, const AliveKeys& alive) const override {
    auto scores = at::zeros({alive.positions.size(0)}, alive.positions.options().dtype(at::kDouble));
    if (n <= parameters_.n_sink) return scores;
    const auto n_sinks = alive.positions.lt(parameters_.n_sink).sum().item<std::int64_t>();
    const auto n_body = alive.positions.size(0) - n_sinks;
    if (n_body == 0) return scores;
    scores.narrow(0, n_sinks, n_body)
        .copy_(score_body(n, kv_head, alive.k.narrow(0, n_sinks, n_body).to(at::kDouble),
                          alive.v.narrow(0, n_sinks, n_body).to(at::kDouble)));
    return scores;
  }

 private:
  // k, v: [n_body, d_head] float64, without sinks; returns [n_body]
  at::Tensor score_body(std::int64_t n, std::int64_t kv_head, const at::Tensor& k,
                        const at::Tensor& v) const {
    const auto group = queries_.mean().size(0) / n_kv_heads_;
    const auto d = static_cast<double>(k.size(1));
    const auto rotation = rope_.mean(n, parameters_.n_future_positions);
    const auto mean = rotate(queries_.mean().narrow(0, kv_head * group, group), rotation);  // [group, d_head]
    auto z = mean.matmul(k.t()) / std::sqrt(d);                                             // [group, n_body]
    if (parameters_.use_covariance) {
      const auto cov = queries_.covariance(kv_head * group, group);
      const auto turned = rotate(rotate(cov, rotation).transpose(1, 2), rotation);  // R cov R^T, symmetric
      z = z + (k.matmul(turned) * k).sum(-1) / (2 * d);
    }
    auto scores = at::log_softmax(z, -1).logsumexp(at::IntArrayRef{0}) - std::log(static_cast<double>(group));
    if (parameters_.use_vnorm) scores = scores + at::linalg_vector_norm(v, 2, at::IntArrayRef{-1}).log();
    return scores;
  }

  const ExpectedAttentionParameters parameters_;
  const Rope& rope_;
  std::int64_t n_kv_heads_ = 0;
  QueryStatistics queries_;  // of positions >= n_sink, before RoPE
};

// The same for a whole sequence. z of a block of events and all candidates is one matrix product: of the mean
// and covariance that an event has, by the keys and the products of their channels, in the layout of
// expected_attention_kernels.h.
class ExpectedAttentionHead : public DriftingScorer::Head {
 public:
  ExpectedAttentionHead(const ExpectedAttentionParameters& parameters, const Rope& rope,
                        const WholeHead& head)
      : parameters_(parameters),
        rope_(rope),
        q_(head.raw_q.to(at::kDouble).contiguous()),
        k_(head.k.to(at::kDouble).contiguous()),
        log_vnorm_(at::linalg_vector_norm(head.v.to(at::kDouble), 2, at::IntArrayRef{-1}).log()),
        group_(q_.size(0)),
        d_head_(q_.size(2)),
        n_products_(parameters.use_covariance ? std::int64_t(n_pair_products(size(d_head_))) : 0),
        mean_(at::zeros({group_, d_head_}, at::kDouble)),
        scatter_(at::zeros({group_, std::int64_t(n_pair_products(size(d_head_)))}, at::kDouble)) {}

  void start_block(std::span<const std::int64_t> n, std::span<const std::int32_t> candidates) override {
    candidates_.assign(candidates.begin(), candidates.end());
    const auto n_events = std::ssize(n);
    auto queries = at::empty({n_events * group_, d_head_ + n_products_}, at::kDouble);
    const auto rotations = rope_.means(n, parameters_.n_future_positions);
    for (std::int64_t e = 0; e < n_events; ++e) {
      see_queries(n[size(e)]);
      write_statistics(n[size(e)], row(rotations.cos, e), row(rotations.sin, e),
                       row(queries, e * group_).data(), queries.size(1));
    }
    z_ = at::empty({n_events * group_, std::ssize(candidates)}, at::kDouble);
    for (std::int64_t first = 0; first < std::ssize(candidates); first += kKeyBlock) {
      const auto n_keys = std::min(kKeyBlock, std::ssize(candidates) - first);
      auto z = z_.narrow(1, first, n_keys);
      at::mm_out(z, queries, key_features(candidates.subspan(size(first), size(n_keys))).t());
    }
  }

  void score(std::size_t event, std::span<const std::int32_t> alive, std::span<double> scores) override {
    const auto is_sink = [&](std::int32_t c) { return candidates_[size(c)] < parameters_.n_sink; };
    const auto n_sinks = static_cast<std::size_t>(std::ranges::find_if_not(alive, is_sink) - alive.begin());
    std::ranges::fill(scores.first(n_sinks), 0);
    const auto body = alive.subspan(n_sinks);
    if (body.empty()) return;
    z_alive_.resize(size(group_) * body.size());
    const auto* z = z_.const_data_ptr<double>() + std::int64_t(event) * group_ * z_.size(1);
    for (std::size_t g = 0, i = 0; g < size(group_); ++g, z += z_.size(1))
      for (const auto c : body) z_alive_[i++] = z[c];
    log_mean_softmax(z_alive_, size(group_), scores.subspan(n_sinks));
    if (!parameters_.use_vnorm) return;
    const auto* log_vnorm = log_vnorm_.const_data_ptr<double>();
    for (std::size_t i = 0; i < body.size(); ++i)
      scores[n_sinks + i] += log_vnorm[candidates_[size(body[i])]];
  }

 private:
  static constexpr std::int64_t kKeyBlock = 256;

  static std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }
  template <class Tensor>
  static std::span<double> row(const Tensor& matrix, std::int64_t i) {
    return {matrix.template mutable_data_ptr<double>() + i * matrix.stride(0), size(matrix.size(1))};
  }

  // Of positions >= n_sink and < n.
  void see_queries(std::int64_t n) {
    for (n_seen_ = std::max(n_seen_, parameters_.n_sink); n_seen_ < n; ++n_seen_)
      for (std::int64_t g = 0; g < group_; ++g) {
        const auto* q = q_.const_data_ptr<double>() + (g * q_.size(1) + n_seen_) * d_head_;
        const auto count = static_cast<double>(n_seen_ - parameters_.n_sink + 1);
        add_query({q, size(d_head_)}, count, row(mean_, g), row(scatter_, g));
      }
  }

  // rows: [group, d_head + n_products]; its product with key_features is z. cos, sin: mean rotation at the
  // event.
  void write_statistics(std::int64_t n, std::span<const double> cos, std::span<const double> sin,
                        double* rows, std::int64_t row_size) const {
    const auto d = static_cast<double>(d_head_);
    const auto count = static_cast<double>(std::max<std::int64_t>(1, n - parameters_.n_sink));
    for (std::int64_t g = 0; g < group_; ++g) {
      const std::span out(rows + g * row_size, size(row_size));
      const auto mean = row(mean_, g);
      const auto half = cos.size();
      for (std::size_t c = 0; c < half; ++c) {
        out[c] = (mean[c] * cos[c] - mean[c + half] * sin[c]) / std::sqrt(d);
        out[c + half] = (mean[c + half] * cos[c] + mean[c] * sin[c]) / std::sqrt(d);
      }
      if (n_products_ > 0)
        rotate_covariance(row(scatter_, g), 1 / count / (2 * d), cos, sin, out.subspan(size(d_head_)));
    }
  }

  // Channels and their products: [n_keys, d_head + n_products].
  at::Tensor key_features(std::span<const std::int32_t> positions) const {
    auto features = at::empty({std::ssize(positions), d_head_ + n_products_}, at::kDouble);
    for (std::int64_t i = 0; i < std::ssize(positions); ++i) {
      const std::span<const double> k = row(k_, positions[size(i)]);
      const auto out = row(features, i);
      std::ranges::copy(k, out.begin());
      if (n_products_ > 0) key_products(k, out.subspan(size(d_head_)));
    }
    return features;
  }

  const ExpectedAttentionParameters parameters_;
  const Rope& rope_;
  const at::Tensor q_;          // [group, n_tokens, d_head]
  const at::Tensor k_;          // [n_tokens, d_head]
  const at::Tensor log_vnorm_;  // [n_tokens]
  const std::int64_t group_;
  const std::int64_t d_head_;
  const std::int64_t n_products_;
  std::int64_t n_seen_ = 0;
  at::Tensor mean_;     // [group, d_head], of the queries seen
  at::Tensor scatter_;  // [group, n_pair_products]
  // Of the block:
  std::vector<std::int32_t> candidates_;
  at::Tensor z_;  // [n_events * group, n_candidates]
  std::vector<double> z_alive_;
};

class ExpectedAttention : public DriftingScorer {
 public:
  explicit ExpectedAttention(const ExpectedAttentionParameters& parameters) : parameters_(parameters) {}
  Needs needs() const override { return {.raw_q = true, .k = true, .v = true}; }
  std::unique_ptr<Layer> start_layer(const Rope& rope) const override {
    return std::make_unique<ExpectedAttentionLayer>(parameters_, rope);
  }
  std::unique_ptr<Head> start_head(const Rope& rope, const WholeHead& head) const override {
    return std::make_unique<ExpectedAttentionHead>(parameters_, rope, head);
  }

 private:
  ExpectedAttentionParameters parameters_;
};

ExpectedAttentionParameters own(const MethodSpec& method) {
  return parameters_of<ExpectedAttentionParameters>(method);
}

// At every event a quadratic form of each key, or a product with the mean of each query head.
MethodCost cost(const MethodSpec& method, const ModelShape& shape) {
  const auto d = static_cast<double>(shape.head_dim);
  const auto products = 2 * static_cast<double>(shape.n_layers * shape.n_heads) * d;
  return {.per_key_and_event = own(method).use_covariance ? products * (d + 2) : products};
}

}  // namespace

MethodDescription expected_attention_method() {
  return {.name = "expected_attention",
          .display_name = "ExpectedAttention",
          .aliases = {"ExpectedAttentionPress"},
          .in_all = true,
          .parameters = described<ExpectedAttentionParameters>(),
          .summary = "attention expected from future queries, times the norm of the value",
          .source = "Expected Attention, arXiv 2510.00636",
          .make = [](const MethodSpec& method, const ScorerResources&) -> Scorer {
            return std::make_unique<ExpectedAttention>(own(method));
          },
          .cost = cost,
          .on_device = [](const MethodSpec& method) -> DeviceSchedule {
            const auto parameters = own(method);
            return GaussianQueries{parameters.n_future_positions, parameters.use_covariance,
                                   parameters.use_vnorm};
          }};
}

}  // namespace kvcompare
