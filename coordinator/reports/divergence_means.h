// Means over scored tokens of what compares an instance's distributions with the baseline's.
// Definitions: docs/semantics.md, section 5.
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>

#include "common/run/unit_numbers.h"

namespace kvcompare {

struct DivergenceMeans {
  double mean_kl = 0;  // nats
  double same_top1 = 0;
  double acceptance = 0;
  double mean_delta_p = 0;
  double rms_delta_p = 0;
  double delta_nll_above_1 = 0;  // share of the tokens
  double delta_nll_above_3 = 0;
};

// n_scored: tokens that the sums are over; at least one
inline DivergenceMeans means_of(const Divergence& sums, std::int64_t n_scored) {
  const auto mean = [n = static_cast<double>(n_scored)](auto sum) { return static_cast<double>(sum) / n; };
  return {.mean_kl = mean(sums.sum_kl),
          .same_top1 = mean(sums.n_same_top1),
          .acceptance = mean(sums.sum_acceptance),
          .mean_delta_p = mean(sums.sum_delta_p),
          .rms_delta_p = std::sqrt(mean(sums.sum_delta_p_squared)),
          .delta_nll_above_1 = mean(sums.n_delta_nll_above_1),
          .delta_nll_above_3 = mean(sums.n_delta_nll_above_3)};
}

// Calls visit(name, mean) for each; the means are optional, and absent if `means` is.
template <class Visit>
void visit_means(const std::optional<DivergenceMeans>& means, const Visit& visit) {
  const auto one = [&](const char* name, double DivergenceMeans::*mean) {
    visit(name, means ? std::optional(*means.*mean) : std::nullopt);
  };
  one("mean_kl", &DivergenceMeans::mean_kl);
  one("same_top1", &DivergenceMeans::same_top1);
  one("acceptance", &DivergenceMeans::acceptance);
  one("mean_delta_p", &DivergenceMeans::mean_delta_p);
  one("rms_delta_p", &DivergenceMeans::rms_delta_p);
  one("delta_nll_above_1", &DivergenceMeans::delta_nll_above_1);
  one("delta_nll_above_3", &DivergenceMeans::delta_nll_above_3);
}

}  // namespace kvcompare
