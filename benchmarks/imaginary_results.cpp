#include "benchmarks/imaginary_results.h"

#include <algorithm>
#include <numeric>
#include <random>

namespace kvcompare {
namespace {

// Each head keeps half of its keys; where heads differ, up to a twentieth more or less.
void keep_some(UnitResult& result, bool heads_differ, std::mt19937_64& random) {
  const auto n_tokens = result.numbers.n_tokens;
  const auto half = n_tokens / 2, deviation = heads_differ ? n_tokens / 20 : 0;
  std::uniform_int_distribution<std::int64_t> keys(half - deviation, half + deviation);
  std::ranges::generate(result.kept.per_head, [&] { return std::max<std::int64_t>(1, keys(random)); });
  std::uniform_int_distribution<std::int64_t> position(0, n_tokens - 1);
  for (std::int64_t i = 0; i < result.kept.n(); ++i)
    ++result.kept.by_position[position_bin(position(random), n_tokens)];
}

void keep_all(UnitResult& result) {
  const auto n_tokens = result.numbers.n_tokens;
  std::ranges::fill(result.kept.per_head, n_tokens);
  for (std::int64_t j = 0; j < n_tokens; ++j)
    result.kept.by_position[position_bin(j, n_tokens)] += std::ssize(result.kept.per_head);
}

void count_keys(UnitResult& result, bool is_baseline) {
  const auto n_tokens = result.numbers.n_tokens;
  const auto n_heads = std::ssize(result.kept.per_head);
  auto& keys = result.numbers.keys;
  keys.original = keys.peak = n_tokens * n_heads;
  keys.kept = result.kept.n();
  keys.attendable = n_tokens * (n_tokens + 1) / 2 * n_heads;
  keys.attended = is_baseline ? keys.attendable : keys.attendable * 5 / 8;
  const auto withheld = keys.attendable - keys.attended;
  keys.withheld_from_scored = withheld - std::min(withheld, keys.original - keys.kept);
  keys.compressible = keys.original;
  keys.compressible_kept = keys.kept;
}

void compare_distributions(UnitResult& result, std::mt19937_64& random) {
  const auto n = result.numbers.n_scored();
  // As wide as those of the demo's model: some 800 of 1,023 tokens have a bucket of their own.
  std::lognormal_distribution<double> kl_of(-3, 2.5), size_of_delta_p(-4, 2);
  std::bernoulli_distribution is_loss;
  std::vector<double> kl, delta_p;
  for (std::int64_t i = 0; i < n; ++i) {
    kl.push_back(kl_of(random));
    delta_p.push_back(std::min(1.0, size_of_delta_p(random)) * (is_loss(random) ? -1 : 1));
  }
  auto& divergence = result.numbers.divergence.emplace();
  divergence.sum_kl = std::accumulate(kl.begin(), kl.end(), 0.0);
  divergence.sum_acceptance = 0.91234567890123 * static_cast<double>(n);
  divergence.sum_delta_p = std::accumulate(delta_p.begin(), delta_p.end(), 0.0);
  divergence.sum_delta_p_squared = std::inner_product(delta_p.begin(), delta_p.end(), delta_p.begin(), 0.0);
  divergence.n_same_top1 = n * 4 / 5;
  result.sketches = {sketch_of(kl), sketch_of(delta_p)};
}

}  // namespace

UnitResult imaginary_result(const ImaginaryModel& model, std::int64_t n_tokens, std::int64_t max_length,
                            bool is_baseline, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  UnitResult result;
  result.numbers.n_tokens = n_tokens;
  std::exponential_distribution<double> nll(0.5);
  std::vector<double> token_nll(static_cast<std::size_t>(n_tokens - 1));
  std::ranges::generate(token_nll, [&] { return nll(random); });
  result.numbers.total_nll = std::accumulate(token_nll.begin(), token_nll.end(), 0.0);
  result.nll_by_position = nll_by_position(token_nll, nll_bin_width(max_length));
  result.numbers.answers = AnswerCounts{.greedy_hits = n_tokens / 3, .spans = 0, .spans_exact = 0};
  result.kept.n_layers = model.n_layers;
  result.kept.n_kv_heads = model.n_kv_heads;
  result.kept.per_head.resize(static_cast<std::size_t>(model.n_layers * model.n_kv_heads));
  is_baseline ? keep_all(result) : keep_some(result, seed % 2 == 0, random);
  count_keys(result, is_baseline);
  if (!is_baseline) compare_distributions(result, random);
  return result;
}

}  // namespace kvcompare
