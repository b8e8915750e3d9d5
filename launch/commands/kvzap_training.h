// The coordinator's part of a training, from the command to the surrogate's files. It is the same whether the
// workers are threads or processes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/files/directory_lock.h"
#include "coordinator/plan/training_plan.h"
#include "coordinator/prompt_collection.h"
#include "launch/command_line/command.h"
#include "launch/session/job.h"
#include "worker/training/layer_fits.h"

namespace kvcompare {

//   OUT/training.json  what is trained, and on what; at the end, how well it went
//   OUT/targets/       one file for each prompt; removed at the end
//   OUT/layers/        one file for each layer; removed at the end
//   OUT/COMPLETE       written last, before these folders are removed
class KvzapTraining {
 public:
  // Locks the folder, reads model configuration and data set, plans the training, and finds out what the
  // folder holds already.
  KvzapTraining(const TrainKvzapCommand& command, int n_threads);

  const Job& job() const { return job_; }
  const std::string& model_hash() const { return hashes_.model; }
  MixedHardware mixed_hardware() const {
    return command_.options.allow_mixed_hardware ? MixedHardware::kAdmit : MixedHardware::kRefuse;
  }
  bool is_complete() const { return is_complete_; }  // an earlier run has completed it
  bool needs_workers() const { return !missing_.empty(); }

  // Collects the targets that are still missing. Returns false if a stop was requested.
  bool collect(PromptCollection& collection);

  // Fits every layer, on another thread.
  //   meanwhile : this thread calls it again and again; it must return after about a tenth of a second. If it
  //               throws, the exception is thrown at once, and the fit goes on until the process ends
  //   returns   : absent if a stop was requested
  std::optional<FittedLayers> fit(const std::function<void()>& meanwhile);

  // Writes the surrogate and prints how well it predicts.
  ExitCode finish(const FittedLayers& fitted);

 private:
  std::filesystem::path targets_of(SampleIndex sample) const;
  void begin_or_resume();
  LayerFitsTask fits_task() const;
  void remove_scaffold() const;
  void write_record(const FittedLayers* fitted) const;

  const TrainKvzapCommand& command_;
  const std::filesystem::path folder_;
  DirectoryLock lock_;
  int n_threads_;
  Job job_;
  InputHashes hashes_;
  TrainingPlan plan_;
  Identity identity_;
  std::vector<RepeatedPrompt> missing_;  // prompts whose targets are missing
  bool is_complete_ = false;
};

// The model and data of the command, as a job without methods. Throws as read_job does.
Job training_job(const TrainKvzapCommand& command);

}  // namespace kvcompare
