#include "common/run/nll_bins.h"

namespace kvcompare {

NllByPosition nll_by_position(std::span<const double> token_nll, std::int64_t bin_width,
                              ScoredTokens scored) {
  NllByPosition result{.bin_width = bin_width, .total_nll = {}, .n_scored = {}};
  const auto n_bins = static_cast<std::size_t>(std::ssize(token_nll) / bin_width + 1);
  result.total_nll.resize(n_bins);
  result.n_scored.resize(n_bins);
  for_each_scored(scored, std::ssize(token_nll) + 1, [&](std::int64_t token) {
    const auto bin = static_cast<std::size_t>(token / bin_width);
    result.total_nll[bin] += token_nll[static_cast<std::size_t>(token - 1)];
    ++result.n_scored[bin];
  });
  return result;
}

}  // namespace kvcompare
