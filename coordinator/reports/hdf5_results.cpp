#include "coordinator/reports/hdf5_results.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/reports/hdf5_file.h"
#include "coordinator/reports/json_model_shape.h"
#include "coordinator/reports/json_run_spec.h"

namespace kvcompare {
namespace {

constexpr std::int64_t kSchemaVersion = 2;

UnitId unit_id(SampleIndex sample, std::size_t method) {
  return {sample, MethodIndex(static_cast<std::int64_t>(method))};
}

// One row a unit that succeeded: method by method, in data-set order.
class UnitTables {
 public:
  // first: any result; it tells how many layers and heads there are.
  UnitTables(Hdf5File& file, const UnitResult& first, bool with_token_nll)
      : sample_(file.add_integers("/units/sample", {}, "index")),
        method_(file.add_integers("/units/method", {}, "index")),
        total_nll_(file.add_doubles("/units/total_nll", {}, "nats")),
        kept_per_head_(file.add_integers(
            "/units/kept_per_head",
            {static_cast<hsize_t>(first.keys.n_layers), static_cast<hsize_t>(first.keys.n_kv_heads)},
            "keys")),
        kept_by_position_(file.add_integers("/units/kept_by_position", {kPositionBins}, "keys")) {
    for (const auto& [name, unit, value] : kCounts) counts_.push_back(file.add_integers(name, {}, unit));
    if (!with_token_nll) return;
    file.add_group("/units/token_nll");
    token_nll_offsets_.emplace(file.add_integers("/units/token_nll/offsets", {}, "index"));
    token_nll_values_.emplace(file.add_doubles("/units/token_nll/values", {}, "nats"));
    token_nll_offsets_->append(std::span<const std::int64_t>(&n_token_nll_, 1));
  }

  void append(UnitId unit, const UnitResult& result) {
    put(sample_, unit.sample.value);
    put(method_, unit.method.value);
    total_nll_.append(std::span(&result.total_nll, 1));
    kept_per_head_.append(std::span<const std::int64_t>(result.keys.kept_per_head));
    kept_by_position_.append(std::span<const std::int64_t>(result.keys.kept_by_position));
    for (std::size_t i = 0; i < counts_.size(); ++i) put(counts_[i], kCounts[i].value(result));
    if (!token_nll_values_) return;
    token_nll_values_->append(std::span<const double>(result.token_nll));
    n_token_nll_ += std::ssize(result.token_nll);
    put(*token_nll_offsets_, n_token_nll_);
  }

  void close() {
    for (auto* array : {&sample_, &method_, &total_nll_, &kept_per_head_, &kept_by_position_}) array->close();
    for (auto& array : counts_) array.close();
    if (token_nll_offsets_) token_nll_offsets_->close();
    if (token_nll_values_) token_nll_values_->close();
  }

 private:
  struct Count {
    const char* name;
    const char* unit;
    std::int64_t (*value)(const UnitResult&);
  };
  static constexpr Count kCounts[] = {
      {"/units/n_tokens", "tokens", [](const UnitResult& r) { return r.n_tokens; }},
      {"/units/n_scored", "tokens", [](const UnitResult& r) { return r.n_tokens - 1; }},
      {"/units/keys_original", "keys", [](const UnitResult& r) { return r.keys.original; }},
      {"/units/keys_kept", "keys", [](const UnitResult& r) { return r.keys.kept(); }},
      {"/units/attended", "query-key pairs", [](const UnitResult& r) { return r.keys.attended; }},
      {"/units/attendable", "query-key pairs", [](const UnitResult& r) { return r.keys.attendable; }},
      {"/units/compressible", "keys", [](const UnitResult& r) { return r.keys.compressible; }},
      {"/units/compressible_kept", "keys", [](const UnitResult& r) { return r.keys.compressible_kept; }},
      {"/units/peak_keys", "keys", [](const UnitResult& r) { return r.keys.peak; }},
  };

  static void put(Hdf5Array& array, std::int64_t number) {
    array.append(std::span<const std::int64_t>(&number, 1));
  }

  Hdf5Array sample_;
  Hdf5Array method_;
  Hdf5Array total_nll_;
  Hdf5Array kept_per_head_;
  Hdf5Array kept_by_position_;
  std::vector<Hdf5Array> counts_;  // as kCounts
  std::optional<Hdf5Array> token_nll_offsets_;
  std::optional<Hdf5Array> token_nll_values_;
  std::int64_t n_token_nll_ = 0;
};

std::string compact(const OrderedJson& json) {
  return json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

void put_root(Hdf5File& file, const Comparison& comparison) {
  file.put_attribute("/", "format", "kvcompare results");
  file.put_attribute("/", "schema_version", kSchemaVersion);
  file.put_attribute("/", "fingerprint", comparison.fingerprint);
  file.put_attribute("/", "configuration", compact(json_flags(comparison.spec)));
  file.put_attribute("/", "model", compact(json_model_shape(comparison.model)));
  file.put_attribute("/", "n_samples", comparison.n_samples);
  file.put_attribute("/", "truncated_samples", comparison.truncated.n_samples);
  file.put_attribute("/", "truncated_tokens", comparison.truncated.n_tokens);
}

void put_integers(Hdf5File& file, const std::string& name, const char* unit,
                  const std::vector<std::int64_t>& numbers) {
  auto array = file.add_integers(name, {}, unit);
  array.append(std::span<const std::int64_t>(numbers));
  array.close();
}

void put_methods(Hdf5File& file, const Comparison& comparison) {
  std::vector<std::string> names, labels, specs;
  const auto config = json_run_spec(comparison.spec);
  for (std::size_t m = 0; m < comparison.spec.methods.size(); ++m) {
    names.push_back(comparison.spec.methods[m].name);
    labels.push_back(comparison.spec.methods[m].display_name);
    specs.push_back(config["methods"][m].dump());
  }
  file.add_group("/methods");
  file.put_texts("/methods/name", names);
  file.put_texts("/methods/label", labels);
  file.put_texts("/methods/spec", specs);
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
  put_integers(file, "/failed/sample", "index", samples);
  put_integers(file, "/failed/method", "index", methods);
  put_integers(file, "/failed/attempts", "attempts", attempts);
  file.put_texts("/failed/reason", reasons);
  for (const auto sample : comparison.skipped) skipped.push_back(sample.value);
  file.add_group("/skipped");
  put_integers(file, "/skipped/sample", "index", skipped);
  for (const auto& bad : comparison.bad_lines) {
    lines.push_back(bad.line);
    problems.push_back(bad.problem);
  }
  file.add_group("/bad_lines");
  put_integers(file, "/bad_lines/line", "line number", lines);
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
  put_integers(file, "/warnings/samples", "samples", samples);
}

void put_units(Hdf5File& file, const Comparison& comparison, const ReadUnit& read_unit) {
  file.add_group("/units");
  std::optional<UnitTables> tables;
  for (std::size_t m = 0; m < comparison.methods.size(); ++m)
    for (const auto& row : comparison.methods[m].per_sample) {
      const auto unit = unit_id(row.sample, m);
      const auto result = read_unit(unit);
      if (!tables) tables.emplace(file, result, comparison.spec.save_token_nll);
      tables->append(unit, result);
    }
  if (tables) tables->close();
}

}  // namespace

void write_results_hdf5(const std::filesystem::path& path, const Comparison& comparison,
                        const ReadUnit& read_unit) {
  Hdf5File file(path);
  put_root(file, comparison);
  put_methods(file, comparison);
  put_units(file, comparison, read_unit);
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
