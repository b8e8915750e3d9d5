// What a run may be told beside its RunSpec: where, how wide, how loud. `device` is a wish; what it resolves
// to can change the rounding and is in RunSpec (device_type, dtype).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace kvcompare {

struct RunOptions {
  std::filesystem::path output_dir = "comparison_results";
  std::string device = "auto";  // auto | cpu | cuda | cuda:N
  std::optional<int> num_gpus;  // GPUs to use, one worker each; all visible ones if absent
  std::optional<int> threads;   // CPU threads of this process; the cores it may use if absent
  std::optional<std::int64_t> max_weight_memory;  // bytes of weights in memory at once; all of them if absent
  std::string log_level = "info";
};

}  // namespace kvcompare
