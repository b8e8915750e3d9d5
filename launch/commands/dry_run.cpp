#include "launch/commands/dry_run.h"

#include <chrono>
#include <cstdint>
#include <iomanip>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "common/plural.h"
#include "common/usable_cores.h"
#include "coordinator/comparison/instance_labels.h"
#include "coordinator/plan/forecast.h"
#include "coordinator/plan/plan.h"
#include "coordinator/plan/progress.h"
#include "coordinator/reports/number_text.h"
#include "coordinator/reports/table_layout.h"
#include "launch/session/gpu_memory.h"
#include "launch/session/job.h"
#include "launch/session/job_data.h"
#include "launch/session/model_shapes.h"
#include "launch/session/output_folder.h"
#include "launch/session/run_header.h"
#include "launch/session/sought_thresholds.h"
#include "launch/session/standard_output.h"
#include "worker/model/weight_table.h"

namespace kvcompare {
namespace {

// What a run knows when it begins to compute.
struct Prepared {
  Job job;
  JobData data;
  JournalHeader header;
  std::vector<MethodSpec> sought;  // instances whose threshold a search would have to find first
  std::vector<PlannedUnit> units;  // still to be evaluated
  std::vector<InstanceForecast> forecasts{};
};

Prepared prepared(const CompareCommand& command, int n_threads) {
  const auto& options = command.options;
  OutputFolder folder(options, Access::kLook);
  Prepared run{.job = read_job(command.spec, options), .data = {}, .header = {}, .sought = {}, .units = {}};
  run.data = read_data(run.job, n_threads);
  const auto found = folder.found_thresholds();
  run.sought = thresholds_to_find(run.job, run.data, options, {.n_threads = n_threads}, found);
  run.header = header_of(run.job, run.data, found, options.shard);
  check_and_tell(run.header);
  const auto& samples = run.data.dataset.samples;
  folder.go_on_with(run.header, samples);
  const auto costs = cost_model(run.job.config, run.job.spec.methods);
  const auto plan = [&](const UnitTable& known, const std::map<UnitId, Deaths>& deaths) {
    auto units = plan_units(samples, run.job.spec, costs, known,
                            options.retry_failed ? Quarantined::kRetry : Quarantined::kLeave, deaths);
    keep_shard(units, options.shard);
    return units;
  };
  run.units = plan(folder.known(), folder.deaths());
  run.forecasts = forecast(plan({}, {}), run.units, folder.known(), run.job.spec.methods.size());
  return run;
}

std::string operations(double n) {
  std::ostringstream text;
  text << std::scientific << std::setprecision(2) << n;
  return text.str();
}

std::string time_text(const std::optional<double>& seconds) {
  return seconds ? duration_text(std::chrono::duration<double>(*seconds)) : "-";
}

std::string samples_text(const Prepared& run, std::int64_t longest) {
  std::int64_t all = 0;
  for (const auto& sample : run.data.dataset.samples) all += std::ssize(sample.ids);
  auto text = "samples    " + std::to_string(run.header.n_samples) + ", " + counted(all, "token") + ", " +
              std::to_string(longest) + " in the longest";
  if (const auto& shard = run.header.shard)
    text += "; shard " + to_string(*shard) + " holds " +
            std::to_string(n_samples_of(shard, run.header.n_samples));
  if (!run.header.skipped.empty())
    text += "; " + std::to_string(run.header.skipped.size()) + " without a scored token, skipped";
  return text + "\n";
}

// A line for each instance, and one for all.
std::string work_table(const Prepared& run) {
  std::vector<TableRow> rows{{"instance", "units", "operations", "time"}};
  InstanceForecast all;
  const auto labels = instance_labels(run.header.spec.methods);
  const auto add = [&](const std::string& name, const InstanceForecast& one) {
    rows.push_back({name, std::to_string(one.n_units), operations(one.cost), time_text(one.seconds)});
  };
  for (std::size_t m = 0; m < run.forecasts.size(); ++m) {
    const auto& one = run.forecasts[m];
    add(labels[m], one);
    all.n_units += one.n_units;
    all.cost += one.cost;
    if (one.seconds) all.seconds = all.seconds.value_or(0) + *one.seconds;
  }
  add("all", all);
  return aligned(rows) + (all.seconds ? "time: of one worker, as fast as the units in the journal were\n"
                                      : "time: not known before units of this run are measured\n");
}

// Of keys and values in all layers, if nothing is evicted.
std::int64_t full_cache_bytes(const Job& job, std::int64_t n_tokens) {
  std::int64_t n_channels = 0;
  for (std::int64_t l = 0; l < job.config.decoder.n_layers(); ++l)
    n_channels += 2 * job.config.decoder.layer(l).heads.kv_width();
  return n_channels * n_tokens * bytes_of(*job.spec.dtype);
}

std::string memory_text(const Prepared& run, const RunOptions& options, std::int64_t longest) {
  const auto& decoder = run.job.config.decoder;
  const auto all = n_decoder_numbers(decoder) * bytes_of(*run.job.spec.dtype);
  const bool streams = options.max_weight_memory && *options.max_weight_memory < all;
  auto text = "memory     weights " + bytes_text(streams ? *options.max_weight_memory : all) + " of " +
              to_string(*run.job.spec.dtype) +
              (streams ? " at once, of " + bytes_text(all) + " (--max_weight_memory)" : "") +
              ", for each worker\n";
  if (!run.header.spec.no_divergence)
    text += "           states of baselines, at most " + bytes_text(options.reference_memory) +
            " for each worker (--reference_memory)\n";
  return text + "           keys and values of the longest sample, if none is evicted: " +
         bytes_text(full_cache_bytes(run.job, longest)) +
         (run.job.engine == EngineKind::kStepwise ? "" : "; this engine holds those of one layer at a time") +
         "\n";
}

}  // namespace

ExitCode run_dry(const CompareCommand& command) {
  const auto& options = command.options;
  const auto run = prepared(command, options.threads.value_or(usable_cores().n));
  const auto longest = n_tokens_of_longest(run.data.dataset.samples);
  tell_memory_plan(run.job, options, longest, 1);
  auto text = "dry run: nothing is computed, and nothing is written to " + options.output_dir.string() +
              "\n" + samples_text(run, longest) + memory_text(run, options, longest);
  if (!run.sought.empty())
    text += "search     " + counted(std::ssize(run.sought), "threshold") +
            " to be found first (--target_density), which is not in the work below\n";
  print(text + work_table(run));
  return ExitCode::kComplete;
}

}  // namespace kvcompare
