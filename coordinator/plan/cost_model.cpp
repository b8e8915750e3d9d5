#include "coordinator/plan/cost_model.h"

#include <algorithm>
#include <cmath>
#include <variant>

namespace kvcompare {
namespace {

// A pass of few tokens through the weights costs about as much as one of this many: it waits for memory.
constexpr double kTokensHiddenByWeights = 32;

// Pairs of a query and a key before it, or itself, among n tokens.
double all_pairs(double n) { return n * (n + 1) / 2; }

// Keys alive after n tokens and their event, roughly: sinks and protected keys are not counted.
double n_alive(const EvictionPolicy& policy, const Chunking& chunking, double n) {
  const auto uncounted = static_cast<double>(chunking.n_uncounted);
  auto alive = n;
  if (const auto* ratio = std::get_if<RatioBudget>(&policy))
    alive = uncounted + (n - uncounted) * (1 - ratio->compression_ratio);
  if (const auto* size = std::get_if<SizeBudget>(&policy))
    alive = uncounted + std::min(n - uncounted, static_cast<double>(size->cache_size));
  return std::max(alive, static_cast<double>(chunking.events_from));
}

// The one number of tokens at which n_alive changes its slope; any other number if it does not.
double bend_of(const EvictionPolicy& policy, const Chunking& chunking) {
  const auto uncounted = static_cast<double>(chunking.n_uncounted);
  const auto first = static_cast<double>(chunking.events_from);
  if (const auto* size = std::get_if<SizeBudget>(&policy))
    return uncounted + static_cast<double>(size->cache_size);
  if (const auto* ratio = std::get_if<RatioBudget>(&policy))
    return std::floor(uncounted + (first - uncounted) / (1 - ratio->compression_ratio));
  return first;
}

// Keys that the queries of the chunks with events read.
double pairs_with_events(const EvictionPolicy& policy, const Chunking& chunking) {
  const auto until = static_cast<double>(chunking.events_until);
  double pairs = 0, before = static_cast<double>(chunking.events_from);
  for (const auto end : {std::clamp(bend_of(policy, chunking), before, until), until}) {
    // n_alive is linear from before + 1 to end
    pairs += (end - before) * (n_alive(policy, chunking, before + 1) + n_alive(policy, chunking, end)) / 2;
    before = end;
  }
  return pairs;
}

struct Pairs {
  double attended = 0;   // a query with a key that it reads
  double at_events = 0;  // an event with a key that is alive just before it
};

Pairs pairs_of(const EvictionPolicy& policy, const Chunking& chunking) {
  const auto from = static_cast<double>(chunking.events_from),
             until = static_cast<double>(chunking.events_until), all = static_cast<double>(chunking.n_tokens);
  const auto with_events = pairs_with_events(policy, chunking);
  const bool is_prefill = chunking.n_events() == 1 && until < all;
  return {.attended = all_pairs(from) + (is_prefill ? all_pairs(until) : with_events) +
                      (all - until) * n_alive(policy, chunking, until) + all_pairs(all - until),
          .at_events =
              is_prefill ? until : with_events / std::min(static_cast<double>(chunking.chunk_size), all)};
}

// A product and a sum with each weight, for one token.
double per_token(const CostShape& shape) { return 2 * static_cast<double>(shape.n_weights); }

// Logit and weighted value of one query and one key, all heads and layers.
double per_pair(const CostShape& shape) { return 4 * static_cast<double>(shape.n_query_channels); }

}  // namespace

double predicted_cost(const CostShape& shape, const Chunking& chunking, const CostedMethod& method,
                      const std::string& engine) {
  auto n_passes = static_cast<double>(chunking.n_tokens);  // of a token through the weights
  if (engine == "stepwise") n_passes += kTokensHiddenByWeights * static_cast<double>(chunking.n_chunks());
  const auto pairs = pairs_of(method.policy, chunking);
  return n_passes * (1 + per_token(shape)) + pairs.attended * per_pair(shape) * method.cost.attention +
         pairs.at_events * method.cost.per_key_and_event;
}

}  // namespace kvcompare
