#include "coordinator/reports/page/json_page_run.h"

#include <map>
#include <set>

#include "coordinator/json/json_fields.h"
#include "coordinator/json/json_numerics.h"
#include "coordinator/json/json_run_spec.h"
#include "coordinator/reports/json_inputs.h"
#include "coordinator/reports/json_session.h"
#include "coordinator/reports/json_statistics.h"
#include "coordinator/reports/json_warnings.h"
#include "coordinator/reports/page/json_page_instance.h"
#include "coordinator/reports/page/shell_command.h"
#include "coordinator/reports/scored_note.h"
#include "coordinator/statistics/attainable.h"
#include "coordinator/statistics/sweeps.h"

namespace kvcompare {
namespace {

// The predicted tokens of every sample for which some instance has a result.
std::map<SampleIndex, std::int64_t> lengths_of(const Comparison& comparison) {
  std::map<SampleIndex, std::int64_t> lengths;
  for (const MethodResult& method : comparison.methods)
    for (const SampleRow& row : method.per_sample) lengths.emplace(row.sample, row.numbers.n_scored());
  return lengths;
}

OrderedJson json_samples(const PageRun& run, const std::map<SampleIndex, std::int64_t>& lengths) {
  OrderedJson json;
  for (const auto* key : {"index", "n_scored"}) json[key] = OrderedJson::array();
  for (const auto& [sample, n_scored] : lengths) {
    json["index"].push_back(sample.value);
    json["n_scored"].push_back(n_scored);
  }
  if (run.texts.first_words.empty()) return json;
  json["first_words"] = OrderedJson::array();
  for (const auto& [sample, n_scored] : lengths) {
    const auto words = run.texts.first_words.find(sample);
    json["first_words"].push_back(words == run.texts.first_words.end() ? "" : words->second);
  }
  return json;
}

// A session with its command as one line instead of a list of words.
OrderedJson json_page_session(const Session& session) {
  auto json = json_session(session);
  json.erase("command_line");
  std::vector<std::string> command{"kvcompare"};
  command.insert(command.end(), session.command_line.begin(), session.command_line.end());
  json["command"] = shell_command(command);
  return json;
}

// The lines of the trade-off chart: {label, method_name, points}, where points are places of instances. An
// instance that is in no sweep is a line of one point.
OrderedJson json_lines(const Comparison& comparison) {
  std::vector<MethodSpec> specs;
  for (const MethodResult& method : comparison.methods) specs.push_back(method.spec);
  const auto sweeps = sweeps_of(specs);
  std::map<std::int64_t, OrderedJson> by_first_point;
  std::set<std::int64_t> in_a_sweep;
  for (const Sweep& sweep : sweeps) {
    OrderedJson line = {
        {"label", sweep.label}, {"method_name", sweep.method_name}, {"points", OrderedJson::array()}};
    for (const MethodIndex point : sweep.points) {
      line["points"].push_back(point.value);
      in_a_sweep.insert(point.value);
    }
    by_first_point.emplace(sweep.points.front().value, std::move(line));
  }
  for (std::size_t m = 1; m < comparison.methods.size(); ++m)
    if (const auto place = static_cast<std::int64_t>(m); !in_a_sweep.contains(place))
      by_first_point.emplace(place, OrderedJson{{"label", comparison.methods[m].label},
                                                {"method_name", comparison.methods[m].spec.display_name},
                                                {"points", {place}}});
  auto lines = OrderedJson::array();
  for (auto& [place, line] : by_first_point) lines.push_back(std::move(line));
  return lines;
}

// [a, b, difference, [low, high] or null, Holm's p-value or null, whether different], where a and b are
// places of instances. An array instead of an object, because there are many pairs.
OrderedJson json_pairs(const Statistics& statistics) {
  auto list = OrderedJson::array();
  for (const Difference& pair : statistics.differences)
    list.push_back({pair.a.value, pair.b.value, pair.avg_nll_difference,
                    pair.ci95 ? OrderedJson{pair.ci95->low, pair.ci95->high} : OrderedJson(nullptr),
                    pair.p_value_holm ? OrderedJson(*pair.p_value_holm) : OrderedJson(nullptr),
                    pair.is_different()});
  return list;
}

std::string reason_of_pairs(const Statistics& statistics) {
  for (const Difference& pair : statistics.differences)
    if (!pair.ci95) return pair.reason;
  return statistics.differences_reason;
}

void put_samples_left_out(OrderedJson& json, const Comparison& comparison) {
  json["skipped"] = OrderedJson::array();
  for (const SampleIndex sample : comparison.skipped) json["skipped"].push_back(sample.value);
  json["bad_lines"] = OrderedJson::array();
  for (const BadLine& bad : comparison.bad_lines)
    json["bad_lines"].push_back({{"line", bad.line}, {"problem", bad.problem}});
  json["truncated"] = {{"samples", comparison.truncated.n_samples},
                       {"tokens", comparison.truncated.n_tokens}};
}

void put_what_was_compared(OrderedJson& json, const PageRun& run) {
  const Comparison& comparison = run.comparison;
  json["name"] = run.name;
  json["model_name"] = comparison.spec.model_name;
  json["data_path"] = comparison.spec.data_path;
  json["places"] = {{"model_name", comparison.places.model_name},
                    {"data_path", comparison.places.data_path},
                    {"kvzap_scorers", comparison.places.kvzap_scorers},
                    {"external_scores", comparison.places.external_scores}};
  json["fingerprint"] = comparison.fingerprint;
  json["flags"] = json_flags(comparison.spec);
  json["inputs"] = json_inputs(comparison);
  json["model"] = json_value(comparison.model);
  json["numerics"] = OrderedJson::array();
  for (const Numerics& numerics : comparison.numerics) json["numerics"].push_back(json_value(numerics));
  json["sessions"] = OrderedJson::array();
  for (const Session& session : run.sessions) json["sessions"].push_back(json_page_session(session));
  json["rerun"] = shell_command({"kvcompare", "rerun", run.name});
  json["n_samples"] = comparison.n_samples;
  json["scored_note"] = scored_note(comparison);
  put_samples_left_out(json, comparison);
  json["warnings"] = json_warnings(comparison.warnings);
}

}  // namespace

OrderedJson json_page_run(const PageRun& run) {
  const Comparison& comparison = run.comparison;
  OrderedJson json;
  put_what_was_compared(json, run);
  const auto lengths = lengths_of(comparison);
  json["samples"] = json_samples(run, lengths);
  std::vector<SampleIndex> samples;
  for (const auto& [sample, n_scored] : lengths) samples.push_back(sample);
  json["instances"] = OrderedJson::array();
  const auto& worst = run.texts.worst_tokens;
  for (std::size_t m = 0; m < comparison.methods.size(); ++m)
    json["instances"].push_back(
        json_page_instance(comparison, m, samples, m < worst.size() ? worst[m] : std::vector<ShownToken>{}));
  json["lines"] = json_lines(comparison);
  json["equal_density"] = json_equal_density(comparison.statistics);
  json["pairs"] = json_pairs(comparison.statistics);
  json["pairs_can_differ"] = pairs_can_differ(comparison);
  json["pairs_reason"] = reason_of_pairs(comparison.statistics);
  return json;
}

}  // namespace kvcompare
