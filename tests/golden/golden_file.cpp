#include "tests/golden/golden_file.h"

#include <fstream>
#include <stdexcept>

#include <nlohmann/json.hpp>

namespace kvcompare {
namespace {

using nlohmann::json;

void set_flag(FlagsAndChunks& run, const std::string& name, const json& value) {
  bool known = false;
  const auto offer = [&](const char* flag, auto& field) {
    if (name != flag) return;
    value.get_to(field);
    known = true;
  };
  offer("chunk_size", run.chunk_size);
  offer("compression_ratio", run.compression_ratio);
  offer("threshold", run.threshold);
  offer("sliding_window_size", run.sliding_window_size);
  offer("policy", run.policy);
  offer("cache_size", run.cache_size);
  offer("protect_first", run.protect_first);
  offer("protect_last", run.protect_last);
  offer("layer_budgets", run.layer_budgets);
  offer("pyramid_beta", run.pyramid_beta);
  offer("head_budgets", run.head_budgets);
  offer("alpha_safeguard", run.alpha_safeguard);
  if (name == "protocol" || name == "budget_counts" || name == "context_length") {
    known = true;
    if (name == "protocol") run.protocol.kind = parse_protocol(value.get<std::string>()).value();
    if (name == "budget_counts")
      run.protocol.budget_counts = parse_budget_counts(value.get<std::string>()).value();
    if (name == "context_length") run.n_context = value.get<std::int64_t>();
  }
  for (const char* flag : {"n_sink", "kvzap_n_sink", "n_future_positions", "use_covariance", "use_vnorm",
                           "seed", "recent_share", "window_size", "kernel_size", "lag_size"})
    if (name == flag) {
      known = true;
      if (value.is_boolean())
        run.set(name, value.get<bool>());
      else if (value.is_number_float())
        run.set(name, value.get<double>());
      else
        run.set(name, value.get<std::uint64_t>());
    }
  if (!known) throw std::runtime_error("golden file: no flag " + name);
}

GoldenSample sample_from(const json& row) {
  GoldenSample sample;
  sample.sample = SampleIndex(row.at("sample"));
  row.at("n_tokens").get_to(sample.n_tokens);
  row.at("total_nll").get_to(sample.total_nll);
  row.at("nll_moment").get_to(sample.nll_moment);
  row.at("kept_per_head").get_to(sample.kept_per_head);
  row.at("attended").get_to(sample.attended);
  row.at("attendable").get_to(sample.attendable);
  row.at("compressible").get_to(sample.compressible);
  row.at("compressible_kept").get_to(sample.compressible_kept);
  row.at("peak").get_to(sample.peak);
  if (!row.at("near_tie").is_null()) sample.near_tie = row.at("near_tie").get<double>();
  return sample;
}

GoldenCase case_from(const json& entry) {
  GoldenCase golden;
  entry.at("method").get_to(golden.method);
  golden.flags = entry.at("flags").dump();
  for (const auto& [name, value] : entry.at("flags").items()) set_flag(golden.run, name, value);
  for (const json& row : entry.at("samples")) golden.samples.push_back(sample_from(row));
  return golden;
}

}  // namespace

GoldenFile read_golden_file(const std::filesystem::path& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  const json document = json::parse(file);
  GoldenFile golden;
  document.at("weights").get_to(golden.weights);
  if (document.contains("preset")) golden.preset = document.at("preset").get<std::string>();
  if (document.contains("asset"))
    golden.asset = {document.at("asset"), document.at("scorer"), document.at("ids")};
  for (const json& entry : document.at("cases")) golden.cases.push_back(case_from(entry));
  return golden;
}

}  // namespace kvcompare
