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

// A product and a sum with each weight, for one token.
double per_token(const CostShape& shape) { return 2 * static_cast<double>(shape.n_weights); }

// Logit and weighted value of one query and one key, all heads and layers.
double per_pair(const CostShape& shape) { return 4 * static_cast<double>(shape.n_query_channels); }

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
