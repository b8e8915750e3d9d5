#include "coordinator/reports/hdf5_results.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/run/instance_name.h"
#include "coordinator/comparison/instance_label.h"
#include "coordinator/json/json_fields.h"
#include "coordinator/json/json_numerics.h"
#include "coordinator/json/json_run_spec.h"
#include "coordinator/reports/hdf5_file.h"
#include "coordinator/reports/hdf5_statistics.h"
#include "coordinator/reports/hdf5_tokens.h"
#include "coordinator/reports/hdf5_units.h"
#include "coordinator/reports/json_inputs.h"
#include "coordinator/reports/schema_version.h"
#include "coordinator/reports/scored_note.h"

namespace kvcompare {
namespace {

std::string compact(const OrderedJson& json) {
  return json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

void put_root(Hdf5File& file, const Comparison& comparison) {
  file.put_attribute("/", "format", "kvcompare results");
  file.put_attribute("/", "schema_version", kSchemaVersion);
  file.put_attribute("/", "fingerprint", comparison.fingerprint);
  file.put_attribute("/", "configuration", compact(json_flags(comparison.spec)));
  file.put_attribute("/", "inputs", compact(json_inputs(comparison)));
  auto numerics = OrderedJson::array();
  for (const auto& one : comparison.numerics) numerics.push_back(json_value(one));
  file.put_attribute("/", "numerics", compact(numerics));
  file.put_attribute("/", "model", compact(json_value(comparison.model)));
  file.put_attribute("/", "n_samples", comparison.n_samples);
  file.put_attribute("/", "scored", scored_flag(comparison));
  file.put_attribute("/", "truncated_samples", comparison.truncated.n_samples);
  file.put_attribute("/", "truncated_tokens", comparison.truncated.n_tokens);
  file.put_attribute("/", "truncated_scored_ranges", comparison.truncated.n_scored_ranges.value_or(0));
}

void put_methods(Hdf5File& file, const Comparison& comparison) {
  std::vector<std::string> names, method_names, labels, instances, parameters;
  for (const auto& method : comparison.methods) {
    names.push_back(method.spec.name);
    method_names.push_back(method.spec.display_name);
    labels.push_back(label_of(method));
    instances.push_back(instance_name(method.spec));
    parameters.push_back(compact(json_parameters(method.spec)));
  }
  file.add_group("/methods");
  file.put_texts("/methods/instance", instances);
  file.put_texts("/methods/name", names);
  file.put_texts("/methods/method_name", method_names);
  file.put_texts("/methods/label", labels);
  file.put_texts("/methods/parameters", parameters);
}

void put_what_is_missing(Hdf5File& file, const Comparison& comparison) {
  std::vector<std::int64_t> samples, methods, attempts, skipped, lines;
  std::vector<std::string> reasons, problems;
  for (std::size_t m = 0; m < comparison.methods.size(); ++m)
    for (const auto& failed : comparison.methods[m].failed) {
      samples.push_back(failed.sample.value);
      methods.push_back(static_cast<std::int64_t>(m));
      attempts.push_back(failed.n_attempts);
      reasons.push_back(failed.reason);
    }
  file.add_group("/failed");
  file.put_integers("/failed/sample", "index", samples);
  file.put_integers("/failed/method", "index", methods);
  file.put_integers("/failed/attempts", "attempts", attempts);
  file.put_texts("/failed/reason", reasons);
  for (const auto sample : comparison.skipped) skipped.push_back(sample.value);
  file.add_group("/skipped");
  file.put_integers("/skipped/sample", "index", skipped);
  for (const auto& bad : comparison.bad_lines) {
    lines.push_back(bad.line);
    problems.push_back(bad.problem);
  }
  file.add_group("/bad_lines");
  file.put_integers("/bad_lines/line", "line number", lines);
  file.put_texts("/bad_lines/problem", problems);
}

void put_warnings(Hdf5File& file, const Comparison& comparison) {
  std::vector<std::string> codes, texts, methods;
  std::vector<std::int64_t> samples;
  for (const auto& warning : comparison.warnings) {
    codes.push_back(warning.code);
    texts.push_back(warning.text);
    methods.push_back(warning.method);
    samples.push_back(warning.n_samples);
  }
  file.add_group("/warnings");
  file.put_texts("/warnings/code", codes);
  file.put_texts("/warnings/text", texts);
  file.put_texts("/warnings/method", methods);
  file.put_integers("/warnings/samples", "samples", samples);
}

}  // namespace

void write_results_hdf5(const std::filesystem::path& path, const Comparison& comparison,
                        const ReadRun& read) {
  Hdf5File file(path);
  put_root(file, comparison);
  put_methods(file, comparison);
  put_hdf5_statistics(file, comparison);
  put_hdf5_units(file, comparison, read.unit);
  put_hdf5_tokens(file, comparison, read.tokens);
  put_what_is_missing(file, comparison);
  put_warnings(file, comparison);
  file.put_attribute("/", "complete", 1);
  file.close();
}

std::string hdf5_library_version() {
  unsigned major = 0, minor = 0, release = 0;
  hdf5_check(H5get_libversion(&major, &minor, &release), "libhdf5", "H5get_libversion");
  return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(release);
}

}  // namespace kvcompare
