#include "presses/methods/expected_attention.h"

#include <algorithm>
#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/zeros.h>

#include "presses/methods/expected_attention_head.h"
#include "presses/methods/query_statistics.h"
#include "presses/scorer.h"

namespace kvcompare {

static void visit_parameters(auto& parameters, const auto& visit) {
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

namespace {

class ExpectedAttentionLayer : public DriftingScorer::Layer {
 public:
  explicit ExpectedAttentionLayer(const ExpectedAttentionParameters& parameters) : parameters_(parameters) {}

  void append(const LayerView& tokens) override {
    const auto n_tokens = tokens.raw_q.size(1);
    const auto n_skipped = std::clamp<std::int64_t>(parameters_.n_sink - tokens.first_position, 0, n_tokens);
    n_kv_heads_ = tokens.n_kv_heads;
    rule_ = tokens.rule;
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
    const auto rotation = rule_.rope->mean(n, parameters_.n_future_positions);
    const auto mean = rotate(queries_.mean().narrow(0, kv_head * group, group), rotation);  // [group, d_head]
    auto z = mean.matmul(k.t()) / rule_.scale.divisor();                                    // [group, n_body]
    if (parameters_.use_covariance) {
      const auto cov = queries_.covariance(kv_head * group, group);
      const auto turned = rotate(rotate(cov, rotation).transpose(1, 2), rotation);  // R cov R^T, symmetric
      z = z + (k.matmul(turned) * k).sum(-1) / (2 * rule_.scale.scalar);
    }
    auto scores =
        log_softmax(z, kv_head, group).logsumexp(at::IntArrayRef{0}) - std::log(static_cast<double>(group));
    if (parameters_.use_vnorm) scores = scores + at::linalg_vector_norm(v, 2, at::IntArrayRef{-1}).log();
    return scores;
  }

  // The sink of a head is one more key, whose score nobody asks for. z: [group, n_body]
  at::Tensor log_softmax(const at::Tensor& z, std::int64_t kv_head, std::int64_t group) const {
    if (!rule_.sinks.defined()) return at::log_softmax(z, -1);
    const auto sinks = rule_.of_heads(kv_head * group, group).sinks.to(z.scalar_type()).unsqueeze(1);
    return at::log_softmax(at::cat({z, sinks}, 1), -1).narrow(1, 0, z.size(1));
  }

  const ExpectedAttentionParameters parameters_;
  std::int64_t n_kv_heads_ = 0;
  AttentionRule rule_;
  QueryStatistics queries_;  // of positions >= n_sink, before RoPE
};

class ExpectedAttention : public DriftingScorer {
 public:
  explicit ExpectedAttention(const ExpectedAttentionParameters& parameters) : parameters_(parameters) {}
  Needs needs() const override { return {.raw_q = true, .k = true, .v = true}; }
  std::unique_ptr<Layer> start_layer() const override {
    return std::make_unique<ExpectedAttentionLayer>(parameters_);
  }
  std::unique_ptr<Head> start_head(const WholeHead& head) const override {
    return start_expected_attention_head(parameters_, head);
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
  const auto products = 2 * static_cast<double>(shape.n_evicting_layers() * shape.n_heads) * d;
  return {.per_key_and_event = own(method).use_covariance ? products * (d + 2) : products};
}

}  // namespace

MethodDescription expected_attention_method() {
  return {.name = "expected_attention",
          .display_name = "ExpectedAttention",
          .aliases = {"ExpectedAttentionPress"},
          .expects_queries = true,
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
