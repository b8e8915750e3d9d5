// The statistics of comparisons given as sums, for a program of another language to compare with:
//   print_statistics < CASES.json > STATISTICS.json
// A case: {"densities": [...], "n_scored": [...], "n_threads": 1, "methods": [{"name", "n_sink", "ratio" or
// "threshold", "total_nll": [...] or null if a unit failed, "attended": [...], "attendable": [...], and of
// samples "kl", "same_top1", "greedy_hits", "spans" and "spans_exact" if they were measured, "evidence_keys"
// and "evidence_keys_kept"}, ...]}.
#include <iostream>
#include <numeric>

#include <nlohmann/json.hpp>

#include "coordinator/statistics/statistics_of.h"

namespace kvcompare {
namespace {

using nlohmann::json;

MethodSpec spec_of(const json& method) {
  MethodSpec spec{
      .name = method.at("name"), .display_name = method.at("name"), .policy = KeepAll{}, .parameters = {}};
  if (method.contains("ratio")) spec.policy = RatioBudget{method.at("ratio")};
  if (method.contains("threshold")) spec.policy = ScoreThreshold{method.at("threshold"), 128};
  if (method.contains("n_sink")) {
    spec.parameters = {{"n_sink", method.at("n_sink").get<std::int64_t>()}};
  }
  return spec;
}

// Members "kl" and "same_top1", "greedy_hits", "spans" and "spans_exact", and "evidence_keys" and
// "evidence_keys_kept", where the case has them; 0 keys of evidence are none.
void put_quality(UnitNumbers& numbers, const json& method, std::size_t sample) {
  if (method.contains("kl"))
    numbers.divergence =
        Divergence{.sum_kl = method.at("kl")[sample], .n_same_top1 = method.at("same_top1")[sample]};
  if (method.contains("greedy_hits"))
    numbers.answers = AnswerCounts{.greedy_hits = method.at("greedy_hits")[sample],
                                   .spans = method.at("spans")[sample],
                                   .spans_exact = method.at("spans_exact")[sample]};
  if (method.contains("evidence_keys") && method.at("evidence_keys")[sample] > 0)
    numbers.evidence = EvidenceCounts{.keys = method.at("evidence_keys")[sample],
                                      .keys_kept = method.at("evidence_keys_kept")[sample]};
}

MethodResult result_of(const json& method, const std::vector<std::int64_t>& n_scored) {
  MethodResult result{.spec = spec_of(method)};
  if (method.at("total_nll").is_null()) {
    result.failed = {{SampleIndex(0), "failed", 3}};
    return result;
  }
  Totals totals;
  for (std::size_t s = 0; s < n_scored.size(); ++s) {
    SampleRow row{.sample = SampleIndex(static_cast<std::int64_t>(s)),
                  .numbers = {.n_tokens = n_scored[s] + 1,
                              .total_nll = method.at("total_nll")[s],
                              .keys = {.attended = method.at("attended")[s],
                                       .attendable = method.at("attendable")[s]}}};
    put_quality(row.numbers, method, s);
    add(totals.sums, row.numbers);
    result.per_sample.push_back(row);
  }
  totals.attended_density = totals.sums.attended_density();
  result.totals = totals;
  return result;
}

Statistics statistics_of_case(const json& given) {
  Comparison comparison;
  for (const auto& method : given.at("methods"))
    comparison.methods.push_back(result_of(method, given.at("n_scored")));
  return statistics_of(comparison, given.at("densities").get<std::vector<double>>(), given.at("n_threads"));
}

json text(const std::optional<double>& value) { return value ? json(*value) : json(); }
json text(const std::optional<Interval>& value) { return value ? json{value->low, value->high} : json(); }

json text(const AgainstBaseline& row) {
  return {{"delta", text(row.avg_nll_delta)},     {"ci95", text(row.avg_nll_delta_ci95)},
          {"ppl_ci95", text(row.ppl_delta_ci95)}, {"p", text(row.p_value)},
          {"p_holm", text(row.p_value_holm)},     {"reason", row.reason},
          {"ppl_reason", row.ppl_reason}};
}

json text(const QualityIntervals& row) {
  return {{"mean_kl", text(row.mean_kl)},
          {"same_top1", text(row.same_top1)},
          {"greedy_accuracy", text(row.greedy_accuracy)},
          {"answers", text(row.answers)},
          {"evidence_kept", text(row.evidence_kept)},
          {"reason", row.reason},
          {"answers_reason", row.answers_reason},
          {"evidence_kept_reason", row.evidence_kept_reason}};
}

json text(const Difference& row) {
  return {{"a", row.a.value},       {"b", row.b.value},       {"difference", row.avg_nll_difference},
          {"ci95", text(row.ci95)}, {"p", text(row.p_value)}, {"p_holm", text(row.p_value_holm)},
          {"reason", row.reason}};
}

json text(const AtDensity& row) {
  json points = json::array();
  for (const auto point : row.points) points.push_back(point.value);
  return {{"density", row.density}, {"method_name", row.method_name},   {"label", row.label},
          {"points", points},       {"delta", text(row.avg_nll_delta)}, {"ci95", text(row.ci95)},
          {"reason", row.reason}};
}

template <class Row>
json list(const std::vector<Row>& rows) {
  json result = json::array();
  for (const auto& row : rows) result.push_back(text(row));
  return result;
}

}  // namespace
}  // namespace kvcompare

int main() {
  auto statistics = nlohmann::json::array();
  for (const auto& given : nlohmann::json::parse(std::cin)) {
    const auto found = kvcompare::statistics_of_case(given);
    statistics.push_back({{"against_baseline", kvcompare::list(found.against_baseline)},
                          {"quality", kvcompare::list(found.quality)},
                          {"differences", kvcompare::list(found.differences)},
                          {"differences_reason", found.differences_reason},
                          {"equal_density", kvcompare::list(found.equal_density)}});
  }
  std::cout << statistics << '\n';
}
