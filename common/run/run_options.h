// What a run may be told beside its RunSpec: where, how wide, how loud. `device` is a wish; what it resolves
// to can change the rounding and is in RunSpec (device_type, dtype).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "common/run/shard.h"

namespace kvcompare {

struct RunOptions {
  std::filesystem::path output_dir = "comparison_results";
  std::string device = "auto";                    // auto | cpu | cuda | cuda:N
  std::optional<int> num_gpus;                    // GPUs to use, one worker each; all visible ones if absent
  std::optional<int> threads;                     // CPU threads of this process; usable_cores() if absent
  std::optional<std::int64_t> max_weight_memory;  // bytes of weights in memory at once; all of them if absent
  // Bytes that each worker may spend on the baseline's last hidden states, with which distributions are compared.
  // Those of 8192 tokens and 4096 channels take 128 MiB in float32.
  std::int64_t reference_memory = std::int64_t{1} << 30;
  std::string log_level = "info";
  bool quiet = false;  // warnings, errors and results alone: log_level is warning, and no_progress holds
  bool no_progress = false;  // neither a bar nor lines that tell how far the run is

  bool resume = false;                 // go on with the run in output_dir
  bool retry_failed = false;           // with resume: units that have failed for good are tried again
  bool salvage = false;                // with resume: do without the damaged lines of the journal
  bool overwrite = false;              // remove what is in output_dir
  std::optional<Shard> shard;          // the part of the samples that is evaluated; all if absent
  bool dry_run = false;                // tell what the run would take; compute and write nothing
  bool report_text = false;            // report.html shows the first words of the samples' texts
  std::filesystem::path computed_log;  // a line for every unit that is evaluated; none if empty

  std::optional<int> workers;             // of this process, on the CPU; as many as suit the engine if absent
  bool dedicated_coordinator = false;     // under MPI: rank 0 evaluates nothing
  bool share_gpu = false;                 // under MPI: several ranks may use one GPU
  bool allow_mixed_hardware = false;      // units may be computed with different arithmetic
  std::string weight_broadcast = "auto";  // under MPI: auto | off: NCCL brings the weights to the GPUs
  int stop_grace = 120;                   // seconds that units may go on after a stop was asked for
  int rank_timeout = 120;                 // seconds after which a rank that says nothing is lost
  int start_timeout = 1800;               // the same until it says something for the first time
};

}  // namespace kvcompare
