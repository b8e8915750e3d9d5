#include "coordinator/reports/comparison_grid.h"

#include <algorithm>
#include <functional>

#include "coordinator/reports/instance_numbers.h"
#include "coordinator/reports/number_text.h"

namespace kvcompare {
namespace {

template <class Value, class Format>
std::string cell(const Measured<Value>& number, const Format& format) {
  return number.value ? std::invoke(format, *number.value) : kNoValue;
}

std::string perplexity_cell(const MethodResult& method, const InstanceNumbers& numbers) {
  if (!method.totals) return "failed";
  return numbers.perplexity.value ? perplexity_text(*numbers.perplexity.value) : "overflow";
}

std::string delta_cell(const InstanceNumbers& numbers, bool is_marked) {
  return cell(numbers.avg_nll_delta, delta_text) + (is_marked ? std::string(" ") + kNotDistinguishable : "");
}

// "37/40"; missing where the data asks for no answers.
std::string answers_cell(const InstanceNumbers& numbers) {
  if (!numbers.answers.value) return kNoValue;
  return std::to_string(*numbers.spans_exact.value) + "/" + std::to_string(*numbers.spans.value);
}

std::vector<std::string> row(const Comparison& comparison, std::size_t place) {
  const auto n = instance_numbers(comparison, place);
  return {perplexity_cell(comparison.methods[place], n),
          cell(n.ppl_delta, delta_text),
          cell(n.ppl_delta_pct, percent_delta_text),
          cell(n.avg_nll, nll_text),
          delta_cell(n, is_not_distinguishable(comparison, place)),
          cell(n.avg_nll_delta_ci95, interval_text),
          cell(n.mean_kl, kl_text),
          cell(n.same_top1, share_text),
          answers_cell(n),
          n.evidence ? cell(n.evidence->evidence_kept, share_text) : kNoValue,
          cell(n.kept_fraction, share_text),
          cell(n.attended_density, share_text),
          cell(n.peak_keys, [](std::int64_t keys) { return std::to_string(keys); }),
          cell(n.peak_cache_bytes, bytes_text)};
}

void leave_out_if_empty(ComparisonGrid& grid, const char* title) {
  const auto at = std::ranges::find(grid.titles, title) - grid.titles.begin();
  const auto is_value = [&](const auto& row) { return row[static_cast<std::size_t>(at)] != kNoValue; };
  if (std::ranges::any_of(grid.rows, is_value)) return;
  grid.titles.erase(grid.titles.begin() + at);
  for (auto& row : grid.rows) row.erase(row.begin() + at);
}

}  // namespace

ComparisonGrid comparison_grid(const Comparison& comparison) {
  ComparisonGrid grid{
      {column::kPerplexity, column::kPplDelta, column::kPplDeltaPct, column::kAvgNll, column::kNllDelta,
       column::kNllInterval, column::kMeanKl, column::kSameTop1, column::kAnswers, column::kEvidence,
       column::kKept, column::kAttended, column::kPeakKeys, column::kPeakCache},
      {}};
  for (std::size_t place = 0; place < comparison.methods.size(); ++place)
    grid.rows.push_back(row(comparison, place));
  for (const auto* title : {column::kNllDelta, column::kNllInterval, column::kMeanKl, column::kSameTop1,
                            column::kAnswers, column::kEvidence, column::kPeakCache})
    leave_out_if_empty(grid, title);
  return grid;
}

bool is_not_distinguishable(const Comparison& comparison, std::size_t method) {
  const auto& all = comparison.statistics.against_baseline;
  return method < all.size() && all[method].avg_nll_delta_ci95 && !all[method].is_different();
}

std::string why_no_intervals(const Comparison& comparison) {
  const auto& all = comparison.statistics.against_baseline;
  std::string reason;
  for (std::size_t place = 1; place < all.size(); ++place) {
    if (all[place].avg_nll_delta_ci95) return {};
    if (reason.empty() && comparison.methods[place].totals) reason = all[place].reason;
  }
  return reason;
}

}  // namespace kvcompare
