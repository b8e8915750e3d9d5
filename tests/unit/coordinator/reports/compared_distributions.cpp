#include "tests/unit/coordinator/reports/compared_distributions.h"

#include <array>
#include <vector>

#include "tests/unit/coordinator/reports/swept_comparison.h"

namespace kvcompare {
namespace {

// Of the samples of 3 and 5 scored tokens.
using OfBoth = std::array<Divergence, 2>;
using AnswersOfBoth = std::array<AnswerCounts, 2>;

void put_answers(MethodResult& method, const AnswersOfBoth& answers) {
  for (std::size_t i = 0; i < 2; ++i) method.per_sample[i].numbers.answers = answers[i];
  method.totals->sums.answers = AnswerCounts{.greedy_hits = answers[0].greedy_hits + answers[1].greedy_hits,
                                             .spans = answers[0].spans + answers[1].spans,
                                             .spans_exact = answers[0].spans_exact + answers[1].spans_exact};
}

void put_divergence(MethodResult& method, const OfBoth& of_samples, const Divergence& sums) {
  for (std::size_t i = 0; i < 2; ++i) method.per_sample[i].numbers.divergence = of_samples[i];
  method.totals->sums.divergence = sums;
}

void put_sketches(MethodResult& method, const std::vector<double>& kl, const std::vector<double>& delta_p) {
  method.sketches = {.kl = sketch_of(kl), .delta_p = sketch_of(delta_p)};
}

}  // namespace

Comparison compared_distributions() {
  auto comparison = swept_comparison();
  comparison.spec.save_token_nll = true;
  put_answers(comparison.methods[0], {{{2, 1, 1}, {3, 2, 1}}});
  auto& half = comparison.methods[1];
  put_answers(half, {{{2, 1, 1}, {2, 2, 1}}});
  put_divergence(half, {{{0.25, 2.5, -0.125, 0.03125, 3, 0, 0}, {0.75, 4.5, -0.375, 0.09375, 4, 1, 0}}},
                 {1, 7, -0.5, 0.125, 7, 1, 0});
  put_sketches(half, {std::begin(kKlOfTokens), std::end(kKlOfTokens)},
               {-0.125, 0, 0, -0.25, 0, -0.125, 0, 0});
  auto& quarter = comparison.methods[2];
  put_answers(quarter, {{{0, 1, 0}, {1, 2, 0}}});
  put_divergence(quarter, {{{1.5, 1.5, -0.5, 0.25, 1, 1, 0}, {2.5, 2.5, -1.5, 0.75, 2, 2, 1}}},
                 {4, 4, -2, 1, 3, 3, 1});
  put_sketches(quarter, std::vector<double>(8, 0.5), std::vector<double>(8, -0.25));
  auto& kvzap = comparison.methods[3];
  put_answers(kvzap, {{{2, 1, 1}, {3, 2, 1}}});
  put_divergence(kvzap, {{{0.001, 3, 0, 0, 3, 0, 0}, {0.001, 5, 0, 0, 5, 0, 0}}}, {0.002, 8, 0, 0, 8, 0, 0});
  put_sketches(kvzap, std::vector<double>(8, 0.00025), std::vector<double>(8, 0));
  comparison.statistics.quality = {
      {.greedy_accuracy = Interval{0.5, 0.75}, .answers = Interval{0.5, 1}},
      {.mean_kl = Interval{0.0625, 0.25},
       .same_top1 = Interval{0.75, 1},
       .greedy_accuracy = Interval{0.25, 0.625},
       .answers_reason = "too few samples have answers"},
      {.reason = "2 samples are too few"},
      {.mean_kl = Interval{0.0001, 0.0005}, .same_top1 = Interval{1, 1}, .answers = Interval{0.5, 1}},
      {.reason = "1 sample failed"}};
  return comparison;
}

}  // namespace kvcompare
