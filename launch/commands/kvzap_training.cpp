#include "launch/commands/kvzap_training.h"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <numeric>
#include <system_error>

#include <nlohmann/json.hpp>

#include "common/errors.h"
#include "common/files/atomic_file.h"
#include "common/files/fault_point.h"
#include "common/log.h"
#include "common/path_on_disk.h"
#include "common/plural.h"
#include "common/tokenizer/tokenizer.h"
#include "common/version.h"
#include "launch/session/job_data.h"
#include "launch/session/length_limits.h"
#include "launch/session/progress_style.h"
#include "launch/session/standard_output.h"
#include "launch/session/stop_signal.h"
#include "launch/session/work_beside.h"
#include "worker/checkpoint/kvzap_checkpoint.h"
#include "worker/devices/machine_numerics.h"

namespace kvcompare {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr const char* kRecord = "training.json";
constexpr const char* kCompleteMarker = "COMPLETE";
constexpr std::array kFiles{kCompleteMarker, kRecord, "config.json", "model.safetensors"};

// What the tokenizer puts before a text, and the repeat prompt's ids. A data set of ids for a model without
// tokenizer does with an empty repeat prompt.
struct PromptPieces {
  std::vector<TokenId> begin, request;
};
PromptPieces prompt_pieces(const Job& job, const std::string& repeat_prompt) {
  if (repeat_prompt.empty() && !may_be_there(job.model / "tokenizer.json")) return {};
  const auto tokenizer = Tokenizer::load(job.model);
  return {tokenizer.encode(""), tokenizer.encode(repeat_prompt, Tokenizer::SpecialTokens::kOmit)};
}

void check_lengths(const TrainingPlan& plan, const Job& job) {
  std::int64_t longest = 0;
  for (const auto& prompt : plan.prompts) longest = std::max(longest, std::ssize(prompt.ids));
  const std::string what = "a prompt with its repetition";
  refuse_beyond_window(longest, job.spec.data_path, job.config,
                       {.what = what, .remedy = "a smaller --max_tokens"});
  warn_beyond_positions(longest, what, job.config);
}

Identity read_record(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  const auto json = Json::parse(file, nullptr, false);
  if (!json.is_object() || !json.contains("identity") || !json["identity"].is_object())
    throw CheckpointError(path.string(), "",
                          "is not what kvcompare train_kvzap writes; choose another --output folder");
  Identity identity;
  for (const auto& [name, value] : json["identity"].items())
    identity[name] = value.is_string() ? value.get<std::string>() : value.dump();
  return identity;
}

std::string fixed(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.4f", value);
  return text.data();
}

double mean(const std::vector<double>& values) {
  return std::reduce(values.begin(), values.end()) / static_cast<double>(values.size());
}

}  // namespace

namespace {

// Nothing, if it may differ.
std::optional<Numerics> numerics_in_identity(const Job& job, const RunOptions& options) {
  if (options.allow_mixed_hardware) return std::nullopt;
  return machine_numerics(job.devices.front(), "");
}

}  // namespace

Job training_job(const TrainKvzapCommand& command) {
  auto spec = command.spec;
  spec.engine = "stepwise";  // its form of the model is that which targets are computed with
  spec.max_length = command.training.max_tokens;
  return read_job(spec, command.options);
}

KvzapTraining::KvzapTraining(const TrainKvzapCommand& command, int n_threads)
    : command_(command),
      folder_(command.options.output_dir),
      lock_(folder_, command.options.resume ? kPatienceWhenResumed : std::chrono::seconds(0)),
      n_threads_(n_threads),
      job_(training_job(command)) {
  const auto data = read_data(job_, n_threads);
  hashes_ = data.hashes;
  for (const auto& bad : data.dataset.bad_lines)
    log_warning(job_.spec.data_path + ":" + std::to_string(bad.line) + ": left out: " + bad.problem);
  const auto pieces = prompt_pieces(job_, command.training.repeat_prompt);
  plan_ = plan_training({.data_path = job_.spec.data_path,
                         .samples = data.dataset.samples,
                         .begin = pieces.begin,
                         .request = pieces.request,
                         .d_model = job_.config.decoder.hidden_size},
                        command.training);
  check_lengths(plan_, job_);
  TrainingInputs inputs;
  inputs.hashes = hashes_;
  inputs.versions = {kNumbersRevision, loaded_libtorch_version()};
  inputs.numerics = numerics_in_identity(job_, command.options);
  inputs.dtype = to_string(*job_.spec.dtype);
  inputs.device_type = job_.spec.device_type;
  identity_ = training_identity(command.training, inputs);
  const StopDeferred until_it_is_whole;
  begin_or_resume();
}

fs::path KvzapTraining::targets_of(SampleIndex sample) const {
  return folder_ / "targets" / (std::to_string(sample.value) + ".safetensors");
}

void KvzapTraining::begin_or_resume() {
  for (const auto* name : kFiles)
    if (may_be_there(folder_ / name) && !command_.options.resume)
      throw ConfigError(
          "output", folder_.string() + " holds " + name +
                        "; --resume goes on with a training that was begun there, or choose another folder");
  if (may_be_there(folder_ / kRecord)) {
    refuse_drift(read_record(folder_ / kRecord), identity_,
                 {.what = "training", .record = (folder_ / kRecord).string(), .folder_flag = "--output"});
    is_complete_ = may_be_there(folder_ / kCompleteMarker);
    if (is_complete_) return remove_scaffold();
  } else {
    write_record(nullptr);
  }
  for (const auto* name : {"targets", "layers"}) {
    std::error_code error;
    fs::create_directories(folder_ / name, error);
    if (error) throw OutputError((folder_ / name).string(), "cannot be made a folder: " + error.message());
  }
  for (const auto& prompt : plan_.prompts)
    if (!may_be_there(targets_of(prompt.sample))) missing_.push_back(prompt);
  log_info(counted(std::ssize(plan_.prompts), "prompt") + ", " + std::to_string(plan_.held_out.size()) +
           " of them held out; " + std::to_string(plan_.prompts.size() - missing_.size()) +
           " known from an earlier run; " + to_string(*job_.spec.dtype) + " on " + job_.spec.device_type);
}

void KvzapTraining::write_record(const FittedLayers* fitted) const {
  Json json = {{"format", "kvcompare-kvzap-training"}};
  json["identity"] = Json::object();
  for (const auto& [name, value] : identity_) json["identity"][name] = value;
  json["n_prompts"] = plan_.prompts.size();
  json["n_held_out"] = plan_.held_out.size();
  if (fitted) json["held_out_r_squared"] = fitted->r_squared;  // [layer][KV head]
  write_file_atomically(folder_ / kRecord, json.dump(1) + "\n");
}

bool KvzapTraining::collect(PromptCollection& collection) {
  only_note_stop();
  Progress progress(std::cerr, progress_style(command_.options), std::ssize(missing_));
  return collection.collect(
      missing_, {.keep =
                     [&](const PromptTargets& targets) {
                       fault_point("before_journal_write");
                       write_file_atomically(targets_of(targets.sample), targets.table);
                     },
                 .progress = [&](std::int64_t n_done, double share) { progress.update(n_done, share); },
                 .stop_requested = stop_signalled});
}

LayerFitsTask KvzapTraining::fits_task() const {
  LayerFitsTask task{.fitted = {},
                     .held_out = {},
                     .n_layers = job_.config.decoder.n_layers(),
                     .seed = command_.training.seed,
                     .folder = folder_ / "layers",
                     .n_threads = n_threads_,
                     .device = job_.devices.front()};
  for (const auto& prompt : plan_.prompts)
    (plan_.held_out.contains(prompt.sample) ? task.held_out : task.fitted)
        .push_back(targets_of(prompt.sample));
  return task;
}

std::optional<FittedLayers> KvzapTraining::fit(const std::function<void()>& meanwhile) {
  only_note_stop();
  const auto task = fits_task();
  const auto n_steps = n_fit_steps(command_.training, task.n_layers);
  Progress progress(std::cerr, progress_style(command_.options), n_steps);
  return while_another_thread_works<std::optional<FittedLayers>>(
      [task, training = command_.training](std::atomic<std::int64_t>& n_done) {
        const std::function<bool()> go_on = [] {
          fault_point("after_sync_before_ack");
          return !stop_signalled();
        };
        return fit_layers(task, training, n_done, go_on);
      },
      [&](std::int64_t n_done) {
        meanwhile();
        progress.update(n_done, static_cast<double>(n_done) / static_cast<double>(n_steps));
      });
}

void KvzapTraining::remove_scaffold() const {
  for (const auto* name : {"targets", "layers"}) {
    std::error_code error;
    fs::remove_all(folder_ / name, error);
    if (error) throw OutputError((folder_ / name).string(), "cannot be removed: " + error.message());
  }
}

ExitCode KvzapTraining::finish(const FittedLayers& fitted) {
  only_note_stop();
  fault_point("before_finalize");
  save_kvzap_surrogate(folder_, fitted.surrogate);
  write_record(&fitted);
  write_file_atomically(folder_ / kCompleteMarker, fingerprint_of(identity_) + "\n");
  remove_scaffold();
  std::string table = "Layer  Held-out R2  by KV head\n";
  for (std::size_t l = 0; l < fitted.r_squared.size(); ++l) {
    auto number = std::to_string(l);
    table += std::string(5 - std::min<std::size_t>(5, number.size()), ' ') + number + "       " +
             fixed(mean(fitted.r_squared[l])) + " ";
    for (const double r2 : fitted.r_squared[l]) table += " " + fixed(r2);
    table += "\n";
  }
  print(table + "\nThe scorer is in " + folder_.string() +
        "; use it with --methods kvzap --kvzap_scorer_model " + folder_.string() + "\n");
  return ExitCode::kComplete;
}

}  // namespace kvcompare
