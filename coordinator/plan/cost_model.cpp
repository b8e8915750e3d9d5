#include "coordinator/plan/cost_model.h"

#include <algorithm>
#include <variant>

namespace kvcompare {
namespace {

// A pass of few tokens through the weights costs about as much as one of this many: it waits for memory.
constexpr double kTokensHiddenByWeights = 32;

// Fraction of the keys before a query that it still sees, roughly.
double visible_share(const EvictionPolicy& policy) {
  const auto* ratio = std::get_if<RatioBudget>(&policy);
  return ratio ? 1 - ratio->compression_ratio : 1;
}

// Projections, MLP and head, for one token.
double per_token(const CostShape& s) {
  const auto d = static_cast<double>(s.d_model), head = static_cast<double>(s.head_dim);
  const auto heads = static_cast<double>(s.n_heads), kv_heads = static_cast<double>(s.n_kv_heads);
  const auto layer = d * head * (2 * heads + 2 * kv_heads) + 3 * d * static_cast<double>(s.intermediate_size);
  return 2 * (static_cast<double>(s.n_layers) * layer + d * static_cast<double>(s.vocab_size));
}

// Logit and weighted value of one query and one key, all heads and layers.
double per_pair(const CostShape& s) { return 4 * static_cast<double>(s.n_layers * s.n_heads * s.head_dim); }

}  // namespace

double predicted_cost(const CostShape& shape, std::int64_t n_tokens, const CostedMethod& method,
                      std::int64_t chunk_size, const std::string& engine) {
  const auto n = static_cast<double>(n_tokens);
  const auto chunk = std::min(static_cast<double>(chunk_size), n);
  const auto n_pairs = n * (n + 1) / 2 * visible_share(method.policy);
  const auto n_keys_at_events = n_pairs / chunk;  // an event a chunk, each over what is alive
  auto linear = n * (1 + per_token(shape));
  if (engine == "stepwise") linear *= 1 + kTokensHiddenByWeights / chunk;
  return linear + n_pairs * per_pair(shape) * method.cost.attention +
         n_keys_at_events * method.cost.per_key_and_event;
}

}  // namespace kvcompare
