// The coordinator's part of a training, whoever the workers are: from the command to the surrogate's files.
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

// OUT/training.json  what the training is of; at the end, how well it went
// OUT/targets/       a file a prompt; OUT/layers/: a file a layer. Both are removed at the end.
// OUT/COMPLETE       written last but for that
class KvzapTraining {
 public:
  // Locks the folder, reads model configuration and data set, plans, and sees what is there already.
  KvzapTraining(const TrainKvzapCommand& command, int n_threads);

  const Job& job() const { return job_; }
  const std::string& model_hash() const { return hashes_.model; }
  MixedHardware mixed_hardware() const {
    return command_.options.allow_mixed_hardware ? MixedHardware::kAdmit : MixedHardware::kRefuse;
  }
  bool is_complete() const { return is_complete_; }  // by an earlier run
  bool needs_workers() const { return !missing_.empty(); }

  // Gathers the targets that are still missing. False if it was told to stop.
  bool collect(PromptCollection& collection);

  // Fits every layer on another thread.
  //   meanwhile : called again and again by this thread; returns after a tenth of a second or so. What it
  //               throws is thrown at once; the fit then goes on until the process ends
  //   returns   : absent if it was told to stop
  std::optional<FittedLayers> fit(const std::function<void()>& meanwhile);

  // Writes the surrogate and prints how well it does.
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
  std::vector<RepeatedPrompt> missing_;  // whose targets are not there yet
  bool is_complete_ = false;
};

// Of model and data: as a job without methods. Throws as read_job.
Job training_job(const TrainKvzapCommand& command);

}  // namespace kvcompare
