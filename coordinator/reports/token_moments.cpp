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

bool every_token_is_scored(const SampleRow& row) {
  return row.numbers.n_scored() == row.numbers.n_tokens - 1;
}

// Places in the arrays of a unit's predicted tokens; absent if it is not known which of them are scored.
std::optional<std::vector<std::size_t>> scored_places(const SampleRow& row, const ReadRun& read) {
  std::vector<TokenRange> ranges{{1, row.numbers.n_tokens}};
  if (!every_token_is_scored(row)) {
    const auto tokens = read.tokens(row.sample);
    if (!tokens) return std::nullopt;
    ranges = tokens->scored;
  }
  std::vector<std::size_t> places;
  for (const auto& range : ranges)
    for (auto position = range.begin; position < range.end; ++position)
      places.push_back(static_cast<std::size_t>(position - 1));
  return places;
}

// In data-set order. Absent if it is not known which tokens are scored.
std::optional<Tokens> read_tokens(const MethodResult& method, std::size_t place, const ReadRun& read) {
  Tokens tokens;
  for (const SampleRow& row : method.per_sample) {
    const auto places = scored_places(row, read);
    if (!places) return std::nullopt;
    const auto unit = read.unit({row.sample, MethodIndex(static_cast<std::int64_t>(place))});
    const auto baseline = read.unit({row.sample, MethodIndex(0)});
    for (const auto t : *places) {
      const double nll = unit.token_nll.at(t), reference = baseline.token_nll.at(t);
      tokens.nll.sum_squares += nll * nll;
      tokens.nll.sum_squares_baseline += reference * reference;
      tokens.nll.sum_products += nll * reference;
      tokens.kl.push_back(unit.token_quality.kl.at(t));
      tokens.delta_p.push_back(unit.token_quality.delta_p.at(t));
    }
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
                    ? read_tokens(result, method, read)
                    : std::nullopt;
  if (!tokens)
    return TokenMoments{std::nullopt, TokenDistribution(result.sketches.kl),
                        TokenDistribution(result.sketches.delta_p)};
  return TokenMoments{tokens->nll, TokenDistribution(std::move(tokens->kl)),
                      TokenDistribution(std::move(tokens->delta_p))};
}

}  // namespace kvcompare
