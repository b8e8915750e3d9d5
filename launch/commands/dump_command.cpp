#include "launch/commands/dump_command.h"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <numeric>
#include <string>
#include <system_error>
#include <vector>

#include "common/errors.h"
#include "common/files/directory_lock.h"
#include "common/log.h"
#include "common/messages/mpi_environment.h"
#include "common/path_on_disk.h"
#include "common/plural.h"
#include "common/run/instance_name.h"
#include "common/usable_cores.h"
#include "common/version.h"
#include "coordinator/plan/plan.h"
#include "launch/commands/layer_dump.h"
#include "launch/session/job.h"
#include "launch/session/job_data.h"
#include "launch/session/progress_style.h"
#include "launch/session/standard_output.h"
#include "launch/session/stop_signal.h"
#include "launch/session/thread_supply.h"
#include "launch/session/workers.h"
#include "worker/checkpoint/safetensors.h"
#include "worker/checkpoint/scores_folder.h"
#include "worker/devices/device.h"
#include "worker/engine/failure_kind.h"

namespace kvcompare {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDumpStopped =
    "kvcompare: interrupted; files that are complete stay; run again with --resume to go on\n";

template <class Value>
std::string joined(const std::vector<Value>& values) {
  std::string text;
  for (const auto& value : values) {
    if (!text.empty()) text += ",";
    if constexpr (std::is_same_v<Value, std::string>)
      text += value;
    else
      text += std::to_string(value);
  }
  return text;
}

// Those of the command; all of the model if it names none.
std::vector<std::int64_t> layers_of(const DumpCommand& command, const Job& job) {
  const auto n_layers = job.config.decoder.n_layers();
  std::vector<std::int64_t> layers = command.layers;
  if (layers.empty()) {
    layers.resize(static_cast<std::size_t>(n_layers));
    std::iota(layers.begin(), layers.end(), 0);
  }
  for (const auto layer : layers)
    if (layer >= n_layers)
      throw ConfigError("layers", "there is no layer " + std::to_string(layer) + ": the model has " +
                                      counted(n_layers, "layer") + "; give numbers from 0 to " +
                                      std::to_string(n_layers - 1));
  return layers;
}

class Dump {
 public:
  Dump(const DumpCommand& command, int n_threads)
      : command_(command),
        folder_(command.options.output_dir),
        job_(read_job(command.spec, command.options)),
        layers_(layers_of(command, job_)),
        data_(read_data(job_, n_threads)),
        method_(with_scorers(job_.spec, data_).methods.back()),
        sink_(command.what, layers_),
        lock_(folder_) {
    const auto skipped = without_scored_token(data_.dataset.samples);
    for (const auto& sample : data_.dataset.samples)
      if (!std::ranges::binary_search(skipped, sample.index) && !is_complete(sample))
        missing_.push_back(&sample);
    log_info(counted(std::ssize(data_.dataset.samples), "sample") + ", " +
             counted(std::ssize(skipped), "sample") + " without a scored token left out, " +
             std::to_string(missing_.size()) + " to be written; under " + instance_name(method_) + ", " +
             to_string(*job_.spec.dtype) + " on " + job_.spec.device_type);
  }

  // Returns whether all samples are written.
  bool write(int n_threads) {
    if (missing_.empty()) return true;
    const auto& device = job_.devices.front();
    auto inputs = engine_inputs(job_, command_.options);
    inputs.sink = &sink_;
    const auto model = load_model(inputs, device);
    const auto engine = model->make_engine(n_threads);
    only_note_stop();
    Progress progress(std::cerr, progress_style(command_.options), std::ssize(missing_));
    std::int64_t n_done = 0;
    for (const auto* sample : missing_) {
      if (stop_signalled()) return false;
      sink_.begin(std::ssize(sample->ids));
      run(*engine, *sample, full_name(device));
      write_safetensors(file_of(*sample), sink_.tensors(), metadata_of(*sample));
      ++n_done;
      progress.update(n_done, static_cast<double>(n_done) / static_cast<double>(missing_.size()));
    }
    return true;
  }

  std::string told() const {
    return counted(std::ssize(missing_), "file") + " written to " + folder_.string() + ": " +
           joined(command_.what) + " of " + counted(std::ssize(layers_), "layer") + "\n";
  }

 private:
  fs::path file_of(const Sample& sample) const { return folder_ / sample_file_name(sample.index); }

  SafetensorsMetadata metadata_of(const Sample& sample) const {
    const auto& spec = job_.spec;
    return {{"data_sha256", sha256_of_ids(sample.ids)},
            {"model_sha256", data_.hashes.model},
            {"sample", std::to_string(sample.index.value)},
            {"what", joined(command_.what)},
            {"layers", joined(layers_)},
            {"method", instance_name(method_)},
            {"chunk_size", std::to_string(spec.chunk_size)},
            {"protocol", to_string(spec.protocol)},
            {"budget_counts", to_string(spec.budget_counts)},
            {"context_length", std::to_string(sample.n_context.value_or(std::ssize(sample.ids)))},
            {"dtype", to_string(*spec.dtype)},
            {"engine", spec.engine},
            {"device_type", spec.device_type},
            {"kvcompare_version", kVersion}};
  }

  // Whether an earlier dump has written just this file. Throws ConfigError if there is another one, or if
  // nobody asked to go on.
  bool is_complete(const Sample& sample) const {
    const auto file = file_of(sample);
    const auto& options = command_.options;
    if (options.overwrite || !may_be_there(file)) return false;
    if (!options.resume)
      throw ConfigError("output", file.string() +
                                      " is there already; --resume keeps the files of a dump that was begun "
                                      "here, --overwrite writes them anew, or choose another folder");
    const SafetensorsFile known(file);
    for (const auto& [key, value] : metadata_of(sample)) {
      const auto* was = known.metadata(key);
      if (was == nullptr || *was != value)
        throw ConfigError("resume", file.string() + " is of another dump: " + key + " was " +
                                        (was ? *was : "absent") + ", is " + value +
                                        "; --overwrite writes it anew, or choose another --output folder");
    }
    return true;
  }

  void run(Engine& engine, const Sample& sample, const std::string& device) const {
    try {
      engine.run(sample, method_);
    } catch (const std::domain_error& error) {
      throw DataError(job_.spec.data_path, 0,
                      "sample " + std::to_string(sample.index.value) + ": " + error.what());
    } catch (...) {
      rethrow_naming(device, std::current_exception());
    }
  }

  const DumpCommand& command_;
  const fs::path folder_;
  const Job job_;
  const std::vector<std::int64_t> layers_;
  const JobData data_;
  const MethodSpec method_;
  LayerDump sink_;
  DirectoryLock lock_;
  std::vector<const Sample*> missing_;  // to be written
};

}  // namespace

ExitCode run_dump(const DumpCommand& command) {
  if (n_launched_processes() > 1)
    throw ConfigError("dump", "runs in one process; start it without mpirun and srun");
  end_at_once_on_stop(kDumpStopped);
  const int n_threads = command.options.threads.value_or(usable_cores().n);
  use_threads_of_libtorch(n_threads);
  Dump dump(command, n_threads);
  if (!dump.write(n_threads)) {
    log_warning("interrupted; run again with --resume to go on");
    return ExitCode::kInterrupted;
  }
  print(dump.told());
  return ExitCode::kComplete;
}

}  // namespace kvcompare
