#include "coordinator/reports/token_moments.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "common/errors.h"

namespace kvcompare {
namespace {

struct Tokens {
  NllMoments nll{};
  std::vector<double> kl;
  std::vector<double> delta_p;
};

// In data-set order.
Tokens read_tokens(const MethodResult& method, std::size_t place, const ReadRun& read) {
  Tokens tokens;
  for (const SampleRow& row : method.per_sample) {
    const auto unit = read.unit({row.sample, MethodIndex(static_cast<std::int64_t>(place))});
    const auto baseline = read.unit({row.sample, MethodIndex(0)});
    for_each_scored(unit.scored, row.numbers.n_tokens, [&](std::int64_t position) {
      const auto t = static_cast<std::size_t>(position - 1);
      const double nll = unit.token_nll.at(t), reference = baseline.token_nll.at(t);
      tokens.nll.sum_squares += nll * nll;
      tokens.nll.sum_squares_baseline += reference * reference;
      tokens.nll.sum_products += nll * reference;
      tokens.kl.push_back(unit.token_quality.kl.at(t));
      tokens.delta_p.push_back(unit.token_quality.delta_p.at(t));
    });
  }
  return tokens;
}

}  // namespace

TokenDistribution::TokenDistribution(std::vector<double> numbers) : sorted_(std::move(numbers)) {
  require(!sorted_.empty(), "a distribution is of one token or more");
  std::ranges::sort(sorted_);
}

TokenDistribution::TokenDistribution(const QuantileSketch& sketch) : sketch_(sketch) {
  require(sketch_.n() > 0, "a distribution is of one token or more");
}

double TokenDistribution::percentile(double percent) const {
  if (sorted_.empty()) return kvcompare::percentile(sketch_, percent);
  const double place = percent / 100 * static_cast<double>(sorted_.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const double share = place - static_cast<double>(below);
  return (1 - share) * sorted_[below] + share * sorted_[std::min(below + 1, sorted_.size() - 1)];
}

double TokenDistribution::sum_of_powers(int power) const {
  double sum = 0;
  for (const double number : sorted_) sum += std::pow(number, power);
  for (std::size_t i = 0; i < sketch_.buckets.size(); ++i)
    sum += static_cast<double>(sketch_.counts[i]) * std::pow(middle_of(sketch_.buckets[i]), power);
  return sum;
}

std::optional<TokenMoments> token_moments(const Comparison& comparison, std::size_t method,
                                          const ReadRun& read) {
  const MethodResult& result = comparison.methods.at(method);
  if (!result.totals || !result.totals->sums.divergence || result.sketches.kl.n() == 0) return std::nullopt;
  auto tokens = comparison.spec.save_token_nll && comparison.methods[0].totals
                    ? std::optional(read_tokens(result, method, read))
                    : std::nullopt;
  if (!tokens)
    return TokenMoments{std::nullopt, TokenDistribution(result.sketches.kl),
                        TokenDistribution(result.sketches.delta_p)};
  return TokenMoments{tokens->nll, TokenDistribution(std::move(tokens->kl)),
                      TokenDistribution(std::move(tokens->delta_p))};
}

}  // namespace kvcompare
