#include "tests/property/forced_scores.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include "tests/support/parameters.h"

namespace kvcompare {
namespace {

using Positions = std::vector<std::int64_t>;
using Ranges = std::vector<ScoreRange>;

// float32 rounds by 6e-8; states behind a few layers of tiny models are right to some 1e-6, products of 64 to
// 256 of them, as in logits of attention up to 10, to some 1e-5.
constexpr double kRounding = 1e-4;      // of a score that is a logarithm, or relative
constexpr double kNormRounding = 1e-5;  // relative, of the norm of a key

ScoreRange rounded_by(double score, double by) { return {score, score - by, score + by}; }

// To 11 significant bits.
double rounded_norm(double norm) {
  int exponent = 0;
  const double fraction = std::frexp(norm, &exponent);
  return std::ldexp(std::nearbyint(std::ldexp(fraction, 11)), exponent - 11);
}

EventScores each_by_itself(std::vector<ScoreRange> ranges) {
  return [all = std::move(ranges)](std::int64_t, const Positions& alive) {
    Ranges scores;
    for (const auto j : alive) scores.push_back(all[static_cast<std::size_t>(j)]);
    return scores;
  };
}

// Norms are rounded coarsely, so that rounding in float32 changes nothing, or a whole step.
EventScores knorm(const at::Tensor& raw_k) {
  const auto norms = at::linalg_vector_norm(raw_k, 2, at::IntArrayRef{-1}).contiguous();
  Ranges ranges;
  for (std::int64_t j = 0; j < norms.size(0); ++j) {
    const auto norm = norms.const_data_ptr<double>()[j];
    ranges.push_back({-rounded_norm(norm), -rounded_norm(norm * (1 + kNormRounding)),
                      -rounded_norm(norm * (1 - kNormRounding))});
  }
  return each_by_itself(std::move(ranges));
}

EventScores by_scorer(const ForcedLayer& layer, std::int64_t kv_head, const MethodSpec& method,
                      const ModelForTest& exact) {
  const auto scorer = make_scorer(method, exact.resources());
  const auto scores =
      std::get<std::unique_ptr<FixedScorer>>(scorer)->score(layer.view)[kv_head].to(at::kDouble).contiguous();
  const double by = method.name == "kvzap" ? kRounding : 0;  // the others ask for nothing that is rounded
  Ranges ranges;
  for (std::int64_t j = 0; j < scores.size(0); ++j) {
    const auto score = scores.const_data_ptr<double>()[j];
    ranges.push_back(rounded_by(score, by * std::max(1.0, std::abs(score))));
  }
  return each_by_itself(std::move(ranges));
}

// Attention received per query that could have given it.
EventScores observed(const ForcedLayer& layer, std::int64_t kv_head, std::int64_t group) {
  const auto received =
      layer.weights.narrow(0, kv_head * group, group).mean(0).cumsum(0).contiguous();  // [n_tokens, n_tokens]
  return [received](std::int64_t n, const Positions& alive) {
    Ranges scores;
    for (const auto j : alive) {
      const auto sum = received.const_data_ptr<double>()[(n - 1) * received.size(1) + j];
      const auto score = sum / static_cast<double>(n - j);
      scores.push_back(rounded_by(score, kRounding * score));
    }
    return scores;
  };
}

// Mean and covariance of the queries from sums over them.
class Expected {
 public:
  Expected(const LayerView& view, std::int64_t kv_head, std::int64_t group,
           const ExpectedAttentionFlags& parameters, const Rope& rope)
      : raw_q_(view.raw_q.narrow(0, kv_head * group, group)),
        k_(view.k[kv_head]),
        log_vnorm_(at::linalg_vector_norm(view.v[kv_head], 2, at::IntArrayRef{-1}).log()),
        parameters_(parameters),
        rope_(rope),
        n_seen_(parameters.n_sink),
        sum_(at::zeros({group, 1, k_.size(1)}, at::kDouble)),
        products_(at::zeros({group, k_.size(1), k_.size(1)}, at::kDouble)) {}

  Ranges operator()(std::int64_t n, const Positions& alive) {
    Positions body;
    for (const auto j : alive)
      if (j >= parameters_.n_sink) body.push_back(j);
    Ranges scores(alive.size() - body.size(), rounded_by(std::numeric_limits<double>::infinity(), 0));
    if (body.empty()) return scores;
    see_queries(n);
    const auto of_body = score(n, at::tensor(body, at::kLong)).contiguous();
    for (std::size_t i = 0; i < body.size(); ++i)
      scores.push_back(rounded_by(of_body.const_data_ptr<double>()[i], kRounding));
    return scores;
  }

 private:
  void see_queries(std::int64_t n) {
    if (n <= n_seen_) return;
    const auto q = raw_q_.narrow(1, n_seen_, n - n_seen_);
    sum_ = sum_ + q.sum(1, /*keepdim=*/true);
    products_ = products_ + q.transpose(1, 2).matmul(q);
    n_seen_ = n;
  }

  at::Tensor score(std::int64_t n, const at::Tensor& body) const {
    const auto d = static_cast<double>(k_.size(1));
    const auto n_queries = static_cast<double>(n - parameters_.n_sink);
    const auto future = rope_.at(n, parameters_.n_future_positions);
    // k R = (R^T k)^T
    const auto keys = rotate(k_.index_select(0, body),
                             {future.cos.mean(0, /*keepdim=*/true), -future.sin.mean(0, /*keepdim=*/true)});
    const auto mean = sum_ / n_queries;             // [group, 1, d]
    auto z = (keys * mean).sum(-1) / std::sqrt(d);  // [group, n_body]
    if (parameters_.use_covariance) {
      const auto covariance = products_ / n_queries - mean.transpose(1, 2).matmul(mean);
      z = z + (keys.matmul(covariance) * keys).sum(-1) / (2 * d);
    }
    auto scores = z.softmax(-1).mean(0).log();
    if (parameters_.use_vnorm) scores = scores + log_vnorm_.index_select(0, body);
    return scores;
  }

  const at::Tensor raw_q_, k_, log_vnorm_;
  const ExpectedAttentionFlags parameters_;
  const Rope& rope_;
  std::int64_t n_seen_;
  at::Tensor sum_, products_;  // [group, 1, d], [group, d, d]
};

}  // namespace

EventScores scores_of_head(const ForcedLayer& layer, std::int64_t kv_head, const MethodSpec& method,
                           const ModelForTest& exact) {
  const auto& view = layer.view;
  const auto group = view.q.size(0) / view.k.size(0);
  if (method.name == "knorm") return knorm(view.raw_k[kv_head]);
  if (method.name == "observed_attention") return observed(layer, kv_head, group);
  if (method.name == "expected_attention")
    return Expected(view, kv_head, group, ExpectedAttentionFlags::of(method), *view.rule.rope);
  return by_scorer(layer, kv_head, method, exact);
}

}  // namespace kvcompare
