#include "launch/commands/verify_command.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/data/data_reader.h"
#include "common/errors.h"
#include "common/files/sha256.h"
#include "common/run/method_parameters.h"
#include "common/usable_cores.h"
#include "common/version.h"
#include "coordinator/coordinator_loop.h"
#include "coordinator/plan/plan.h"
#include "coordinator/reports/journal_comparison.h"
#include "coordinator/write_reports.h"
#include "launch/command_line/press_flags.h"
#include "launch/session/job.h"
#include "launch/session/job_data.h"
#include "launch/session/model_shapes.h"
#include "launch/session/output_folder.h"
#include "launch/session/progress_style.h"
#include "launch/session/standard_output.h"
#include "launch/session/stop_signal.h"
#include "launch/session/thread_supply.h"
#include "launch/session/workers.h"
#include "worker/devices/machine_numerics.h"

namespace kvcompare {
namespace {

namespace fs = std::filesystem;

constexpr double kOtherArithmetic =
    1e-3;  // largest relative difference of a sample's NLL that is put down to it

// A folder of its own, gone at the end.
class ScratchFolder {
 public:
  ScratchFolder() : path_((fs::temp_directory_path() / "kvcompare-verify-XXXXXX").string()) {
    if (::mkdtemp(path_.data()) == nullptr) throw OutputError(path_, "cannot be made");
  }
  ~ScratchFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  fs::path path() const { return path_; }

 private:
  std::string path_;
};

nlohmann::json marker_of(const fs::path& folder) {
  const auto file = folder / kCompleteMarker;
  std::ifstream stream(file);
  if (!stream)
    throw ConfigError("verify", folder.string() + " holds no " + kCompleteMarker +
                                    "; give the --output_dir of a run that is complete");
  try {
    auto marker = nlohmann::json::parse(stream);
    if (marker.contains("shard"))
      throw ConfigError("verify",
                        folder.string() + " holds shard " + marker.at("shard").get<std::string>() +
                            " of a run, which has no results; give the folder that kvcompare merge wrote");
    if (!marker.at("sha256").is_object() || marker.at("sha256").empty())
      throw DataError(file.string(), 0, "names no file");
    return marker;
  } catch (const nlohmann::json::exception& error) {
    throw DataError(file.string(), 0, std::string("is not what a run writes: ") + error.what());
  }
}

// The files in `folder` have the hashes that COMPLETE names.
void check_hashes(const fs::path& folder, const nlohmann::json& marker, const std::string& what) {
  for (const auto& [name, expected] : marker.at("sha256").items())
    if (const auto hash = sha256_of_file(folder / name); hash != expected)
      throw DataError((folder / name).string(), 0,
                      what + ": SHA-256 " + hash + ", COMPLETE says " + expected.dump() +
                          "; kvcompare finalize makes the results again from the journal");
}

void check_against_journal(const nlohmann::json& marker, const Journal& journal) {
  const ScratchFolder scratch;
  write_reports(scratch.path(), comparison_of(journal), journal.sessions(), read_run(journal));
  check_hashes(scratch.path(), marker, "made from the journal again, gives other bytes");
}

// n of the samples that have results, from the first to the last at equal distances.
std::set<SampleIndex> drawn(const Journal& journal, std::int64_t n) {
  std::set<SampleIndex> all;
  for (const auto& [unit, record] : journal.units())
    if (record.summary) all.insert(unit.sample);
  const std::vector<SampleIndex> samples(all.begin(), all.end());
  const auto last = std::ssize(samples) - 1;
  std::set<SampleIndex> some;
  for (std::int64_t i = 0; i < n && last >= 0; ++i)
    some.insert(samples[static_cast<std::size_t>(n == 1 ? 0 : i * last / (n - 1))]);
  return some;
}

// given: by the flag that names them, places of the scorers in the order of the instances; none: where they
// were.
void set_scorers(RunSpec& spec, const Places& places,
                 const std::map<std::string, std::vector<std::string>>& given) {
  std::map<std::string, std::vector<std::string>> hashes;  // by flag, each once
  for (auto& method : spec.methods) {
    auto* place = find_parameter(method, ParameterRole::kPlace);
    const auto hash = text_of_role(method, ParameterRole::kHash);
    if (!place || hash.empty()) continue;
    auto& of_flag = hashes[place->name];
    const auto known = std::ranges::find(of_flag, hash);
    const auto at = static_cast<std::size_t>(known - of_flag.begin());
    if (known == of_flag.end()) of_flag.push_back(hash);
    const auto named = given.find(place->name);
    if (named == given.end()) {
      place->value = places.of(*place, hash);
      continue;
    }
    if (at >= named->second.size())
      throw ConfigError("--" + place->name, "names " + std::to_string(named->second.size()) +
                                                " scorers, the run has more; give all or none");
    place->value = named->second[at];
  }
  for (const auto& [flag, named] : given)
    if (const auto n = hashes[flag].size(); named.size() > n)
      throw ConfigError("--" + flag, "names " + std::to_string(named.size()) + " scorers, the run has " +
                                         std::to_string(n) + "; give as many");
}

Job job_of(const VerifyCommand& command, const JournalHeader& header) {
  auto spec = header.spec;
  const auto& given = command.spec;
  spec.model_name = given.model_name.empty() ? header.places.model_name : given.model_name;
  if (given.data_path.empty() && reads_standard_input(header.places.data_path))
    throw ConfigError("--data_path", "the run read its data from standard input; give the file that has it");
  spec.data_path = given.data_path.empty() ? header.places.data_path : given.data_path;
  set_scorers(spec, header.places, command.scorers);
  auto options = command.options;
  options.device = header.spec.device_type;
  return read_job(spec, options);
}

void refuse_other_inputs(const JournalHeader& header, const Job& job, const JobData& data) {
  const auto now =
      identity_of(with_scorers(job.spec, data), data.hashes, {kNumbersRevision, loaded_libtorch_version()});
  std::string text;
  for (const auto& difference : drift(header.identity, now)) text += "\n  " + difference;
  if (text.empty()) return;
  std::string flags = "--model_name, --data_path";
  for (const auto& flag : place_flags()) flags += " and --" + flag;
  throw ConfigError("verify", "samples cannot be recomputed, because this is not what the run computed:" +
                                  text + "\n" + flags + " say where model, data and scorer are now");
}

struct Recomputed {
  std::int64_t n_units = 0;
  std::int64_t n_same = 0;                // to the last bit
  double largest_difference = 0;          // relative, of the NLL of a sample
  std::vector<std::string> arithmetic{};  // what differs in it; empty: nothing
};

Recomputed compared(const Journal& journal, const Journal& again) {
  Recomputed result;
  for (const auto& [unit, record] : again.units()) {
    const auto then = journal.units().find(unit);
    if (then == journal.units().end() || !then->second.summary) continue;
    if (!record.summary)
      throw DataError(journal.file().string(), 0, "a unit that succeeded fails now: " + record.reason);
    ++result.n_units;
    const double was = then->second.summary->total_nll, is = record.summary->total_nll;
    result.largest_difference = std::max(result.largest_difference, std::abs(is - was) / std::abs(was));
    if (values_text(journal.read_unit(unit)) == values_text(again.read_unit(unit))) ++result.n_same;
    if (result.arithmetic.empty() && then->second.numerics != kNotTold)
      result.arithmetic = differences(again.numerics().at(static_cast<std::size_t>(record.numerics)),
                                      journal.numerics().at(static_cast<std::size_t>(then->second.numerics)));
  }
  return result;
}

Recomputed recompute(const VerifyCommand& command, const Journal& journal) {
  const auto& options = command.options;
  const int n_threads = options.threads.value_or(usable_cores().n);
  use_threads_of_libtorch(n_threads);
  const auto job = job_of(command, journal.header());
  const auto data = read_data(job, n_threads);
  refuse_other_inputs(journal.header(), job, data);

  const auto spec = with_scorers(job.spec, data);
  Work work{.samples = data.dataset.samples,
            .methods = spec.methods,
            .units = {},
            .model = data.hashes.model,
            .device_type = job.spec.device_type,
            .max_length = job.spec.max_length,
            .save_token_nll = job.spec.save_token_nll,
            .no_divergence = job.spec.no_divergence};
  const auto samples = drawn(journal, *command.n_recompute);
  for (const auto& unit :
       plan_units(work.samples, spec, cost_model(job.config, spec.methods), {}, Quarantined::kRetry))
    if (samples.contains(unit.unit.sample)) work.units.push_back(unit);

  const ScratchFolder scratch;
  JournalWriter writer(journal_path(scratch.path()), journal.header());
  LocalWorkers workers(make_workers(job, options, data.hashes.model, n_threads, work.units.size()));
  Progress progress(std::cerr, progress_style(options), std::ssize(work.units));
  const auto evaluated = coordinate(
      workers.coordinator_endpoint(), workers.size(), work, writer,
      {.progress = [&](std::int64_t n_done, const Outlook& outlook) { progress.update(n_done, outlook); },
       .stop_requested = stop_signalled,
       .give_up = [] { std::_Exit(static_cast<int>(ExitCode::kInterrupted)); },
       .stop_grace = std::chrono::seconds(options.stop_grace)});
  writer.sync();
  if (evaluated.interrupted) throw Error(ExitCode::kInterrupted, "interrupted before all was recomputed");
  return compared(journal, Journal(journal_path(scratch.path())));
}

std::string scientific(double number) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1e", number);
  return text.data();
}

std::string told(const Recomputed& result) {
  std::string text = std::to_string(result.n_units) + " units recomputed: " + std::to_string(result.n_same) +
                     " the same to the last bit";
  if (result.n_same < result.n_units)
    text += "; largest relative difference of a sample's NLL " + scientific(result.largest_difference);
  if (!result.arithmetic.empty()) text += "\nthis machine computes with other arithmetic than the run's:";
  for (const auto& line : result.arithmetic) text += "\n  " + line;
  return text + "\n";
}

void judge(const Recomputed& result, const Journal& journal) {
  const bool is_explained = !result.arithmetic.empty() && result.largest_difference <= kOtherArithmetic;
  if (result.n_same == result.n_units || is_explained) return;
  throw DataError(journal.file().string(), 0,
                  std::to_string(result.n_units - result.n_same) + " of " + std::to_string(result.n_units) +
                      " units give other values than the journal holds");
}

}  // namespace

ExitCode run_verify(const VerifyCommand& command) {
  const auto& folder = command.options.output_dir;
  const auto marker = marker_of(folder);
  check_hashes(folder, marker, "has changed since the run wrote it");
  print(std::to_string(marker.at("sha256").size()) + " files have the hashes that COMPLETE names\n");
  const Journal journal(journal_path(folder));
  check_against_journal(marker, journal);
  print("made from the journal again, they are the same bytes\n");
  if (!command.n_recompute) return ExitCode::kComplete;
  const auto result = recompute(command, journal);
  print(told(result));
  judge(result, journal);
  return ExitCode::kComplete;
}

}  // namespace kvcompare
