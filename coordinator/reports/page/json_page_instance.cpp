#include "coordinator/reports/page/json_page_instance.h"

#include <cmath>
#include <map>

#include "coordinator/reports/instance_numbers.h"
#include "coordinator/reports/json_instance.h"
#include "coordinator/reports/json_measured.h"
#include "coordinator/reports/plain_words.h"

namespace kvcompare {
namespace {

OrderedJson finite_or_null(double value) {
  return std::isfinite(value) ? OrderedJson(value) : OrderedJson(nullptr);
}

OrderedJson json_failures(const MethodResult& method) {
  auto list = OrderedJson::array();
  for (const FailedUnit& unit : method.failed)
    list.push_back({{"sample", unit.sample.value}, {"reason", unit.reason}, {"attempts", unit.n_attempts}});
  return list;
}

OrderedJson json_nll(const MethodResult& method, const std::vector<SampleIndex>& samples) {
  std::map<SampleIndex, double> nll;
  for (const SampleRow& row : method.per_sample) nll.emplace(row.sample, row.numbers.total_nll);
  auto list = OrderedJson::array();
  for (const SampleIndex sample : samples) {
    const auto at = nll.find(sample);
    list.push_back(at == nll.end() ? OrderedJson(nullptr) : finite_or_null(at->second));
  }
  return list;
}

OrderedJson json_position(const NllByPosition& position) {
  OrderedJson json;
  json["bin_width"] = position.bin_width;
  json["total_nll"] = OrderedJson::array();
  for (const double nll : position.total_nll) json["total_nll"].push_back(finite_or_null(nll));
  json["n_scored"] = position.n_scored;
  return json;
}

OrderedJson json_tokens(const std::vector<ShownToken>& tokens) {
  auto list = OrderedJson::array();
  for (const auto& [numbers, text] : tokens) {
    list.push_back({numbers.sample.value, numbers.position, numbers.nll, numbers.nll_baseline,
                    numbers.kl ? OrderedJson(*numbers.kl) : OrderedJson(nullptr), text.before, text.token,
                    text.after});
    if (numbers.evidence_kept) list.back().push_back(*numbers.evidence_kept);
  }
  return list;
}

}  // namespace

OrderedJson json_page_instance(const Comparison& comparison, std::size_t method,
                               const std::vector<SampleIndex>& samples,
                               const std::vector<ShownToken>& worst_tokens) {
  const MethodResult& result = comparison.methods.at(method);
  OrderedJson json;
  put_identity(json, result);
  json["name"] = result.spec.name;
  json["words"] = plain_words(comparison, method);
  visit_numbers(instance_numbers(comparison, method),
                [&](const char* name, const char*, const auto& number) { put_measured(json, name, number); });
  const auto& all = comparison.statistics.against_baseline;
  json["different"] = method < all.size() && all[method].is_different();
  json["seconds"] = result.seconds;
  json["failed"] = json_failures(result);
  json["nll"] = json_nll(result, samples);
  json["position"] = json_position(result.nll_by_position);
  json["kept_per_head"] = result.kept_per_head;
  json["worst_tokens"] = json_tokens(worst_tokens);
  return json;
}

}  // namespace kvcompare
