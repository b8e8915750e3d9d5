#include "coordinator/reports/llama_perplexity.h"

#include <cmath>
#include <cstdio>
#include <optional>
#include <utility>

#include "common/printable.h"
#include "coordinator/comparison/instance_label.h"
#include "coordinator/reports/instance_numbers.h"
#include "coordinator/reports/token_moments.h"

namespace kvcompare {
namespace {

constexpr std::int64_t kFewestForUncertainty = 10;  // tokens

struct Estimate {
  double mean = 0;
  std::optional<double> uncertainty{};  // absent: not known
};

template <class... Numbers>
std::string formatted(const char* format, Numbers... numbers) {
  const int length = std::snprintf(nullptr, 0, format, numbers...);
  std::string text(static_cast<std::size_t>(length) + 1, '\0');
  std::snprintf(text.data(), text.size(), format, numbers...);
  text.pop_back();
  return text;
}

// The uncertainty of a mean over n tokens.
Estimate mean_of(double sum, const std::optional<double>& sum_squares, std::int64_t n) {
  const auto n_tokens = static_cast<double>(n);
  Estimate estimate{sum / n_tokens, std::nullopt};
  if (!sum_squares) return estimate;
  const double variance = *sum_squares / n_tokens - estimate.mean * estimate.mean;
  estimate.uncertainty = variance > 0 && n > kFewestForUncertainty ? std::sqrt(variance / (n_tokens - 1)) : 0;
  return estimate;
}

double covariance_of_means(double sum_a, double sum_b, double sum_products, std::int64_t n) {
  if (n < kFewestForUncertainty) return 0;
  const auto n_tokens = static_cast<double>(n);
  return (sum_products / n_tokens - (sum_a / n_tokens) * (sum_b / n_tokens)) / (n_tokens - 1);
}

std::string in_units(const Estimate& estimate) {  // of perplexity, or nats
  return formatted("%10.6f", estimate.mean) +
         (estimate.uncertainty ? formatted(" ± %10.6f", *estimate.uncertainty) : "");
}

std::string in_percent(const Estimate& estimate) {
  return formatted("%6.3f", 100 * estimate.mean) +
         (estimate.uncertainty ? formatted(" ± %5.3f", 100 * *estimate.uncertainty) : "") + " %\n";
}

Estimate scaled(const Estimate& estimate, double mean) {
  return {mean, estimate.uncertainty ? std::optional(mean * *estimate.uncertainty) : std::nullopt};
}

// Of a difference of two whose covariance is known.
std::optional<double> of_difference(const Estimate& a, const Estimate& b, double covariance) {
  if (!a.uncertainty || !b.uncertainty) return std::nullopt;
  return std::sqrt(*a.uncertainty * *a.uncertainty + *b.uncertainty * *b.uncertainty - 2 * covariance);
}

std::string perplexities(const Totals& own, const Totals& base, const std::optional<NllMoments>& moments) {
  const auto n = own.total_tokens;
  const auto nll =
      mean_of(own.sums.total_nll, moments ? std::optional(moments->sum_squares) : std::nullopt, n);
  const auto nll_base =
      mean_of(base.sums.total_nll, moments ? std::optional(moments->sum_squares_baseline) : std::nullopt, n);
  const double covariance =
      moments ? covariance_of_means(own.sums.total_nll, base.sums.total_nll, moments->sum_products, n) : 0;
  const auto ppl = scaled(nll, std::exp(nll.mean)), ppl_base = scaled(nll_base, std::exp(nll_base.mean));
  const Estimate ratio{nll.mean - nll_base.mean, of_difference(nll, nll_base, covariance)};
  const Estimate difference{ppl.mean - ppl_base.mean,
                            of_difference(ppl, ppl_base, ppl.mean * ppl_base.mean * covariance)};
  std::string text = "====== Perplexity statistics ======\n";
  text += "Mean PPL(Q)                   : " + in_units(ppl) + "\n";
  text += "Mean PPL(base)                : " + in_units(ppl_base) + "\n";
  if (moments)
    text += "Cor(ln(PPL(Q)), ln(PPL(base))): " +
            formatted("%6.2f%%\n", 100 * covariance / (*nll.uncertainty * *nll_base.uncertainty));
  text += "Mean ln(PPL(Q)/PPL(base))     : " + in_units(ratio) + "\n";
  text += "Mean PPL(Q)/PPL(base)         : " + in_units(scaled(ratio, std::exp(ratio.mean))) + "\n";
  text += "Mean PPL(Q)-PPL(base)         : " + in_units(difference) + "\n";
  return moments ? text
                 : text +
                       "(without uncertainties: the run did not keep the NLL of each scored token; "
                       "--save_token_nll does, with --save_tokens if the data names scored ranges)\n";
}

std::string kl_divergences(const Divergence& sums, const TokenDistribution& kl, std::int64_t n) {
  std::string text = "====== KL divergence statistics ======\n";
  text += "Mean    KLD: " + in_units(mean_of(sums.sum_kl, kl.sum_of_powers(2), n)) + "\n";
  for (const auto& [name, percent] : {std::pair{"Maximum", 100.0},
                                      {"99.9%  ", 99.9},
                                      {"99.0%  ", 99.0},
                                      {"95.0%  ", 95.0},
                                      {"90.0%  ", 90.0},
                                      {"Median ", 50.0},
                                      {"10.0%  ", 10.0},
                                      {" 5.0%  ", 5.0},
                                      {" 1.0%  ", 1.0},
                                      {" 0.1%  ", 0.1},
                                      {"Minimum", 0.0}})
    text += formatted("%s KLD: %10.6f\n", name, kl.percentile(percent));
  return text;
}

// sqrt(p (1 - p) / (n - 1))
double uncertainty_of_share(double share, std::int64_t n) {
  return n > 1 ? std::sqrt(share * (1 - share) / static_cast<double>(n - 1)) : 0;
}

std::string token_probabilities(const Divergence& sums, const TokenDistribution& delta_p, std::int64_t n) {
  std::string text = "====== Token probability statistics ======\n";
  text += "Mean    Δp: " + in_percent(mean_of(sums.sum_delta_p, sums.sum_delta_p_squared, n));
  for (const auto& [name, percent] : {std::pair{"Maximum", 100.0},
                                      {"99.9%  ", 99.9},
                                      {"99.0%  ", 99.0},
                                      {"95.0%  ", 95.0},
                                      {"90.0%  ", 90.0},
                                      {"75.0%  ", 75.0},
                                      {"Median ", 50.0},
                                      {"25.0%  ", 25.0},
                                      {"10.0%  ", 10.0},
                                      {" 5.0%  ", 5.0},
                                      {" 1.0%  ", 1.0},
                                      {" 0.1%  ", 0.1},
                                      {"Minimum", 0.0}})
    text += formatted("%s Δp: %6.3f%%\n", name, 100 * delta_p.percentile(percent));
  const auto squares = mean_of(sums.sum_delta_p_squared, delta_p.sum_of_powers(4), n);
  const double rms = std::sqrt(squares.mean);
  text += "RMS Δp    : " + in_percent({rms, rms > 0 ? 0.5 / rms * *squares.uncertainty : 0});
  const double same = static_cast<double>(sums.n_same_top1) / static_cast<double>(n);
  return text + "Same top p: " + in_percent({same, uncertainty_of_share(same, n)});
}

// Why the instance has no tables.
std::string reason(const Comparison& comparison, std::size_t method) {
  if (const auto why = why_no_totals(comparison.methods[0]); !why.empty()) return "of the baseline " + why;
  return instance_numbers(comparison, method).mean_kl.reason;
}

std::string block(const Comparison& comparison, std::size_t method, const ReadRun& read) {
  const MethodResult& result = comparison.methods[method];
  const auto& base = comparison.methods[0].totals;
  const auto moments = base ? token_moments(comparison, method, read) : std::nullopt;
  const auto title = "###### " + printable(label_of(result)) + " ######\n\n";
  if (!moments) return title + "(no tables: " + printable(reason(comparison, method)) + ")\n";
  const auto& sums = *result.totals->sums.divergence;
  const auto n = result.totals->total_tokens;
  return title + perplexities(*result.totals, *base, moments->nll) + "\n" +
         kl_divergences(sums, moments->kl, n) + "\n" + token_probabilities(sums, moments->delta_p, n);
}

}  // namespace

std::string llama_perplexity_text(const Comparison& comparison, const ReadRun& read) {
  std::string text;
  for (std::size_t method = 1; method < comparison.methods.size(); ++method)
    text += (text.empty() ? "" : "\n") + block(comparison, method, read);
  return text.empty() ? "(the run has no method beside the baseline)\n" : text;
}

}  // namespace kvcompare
