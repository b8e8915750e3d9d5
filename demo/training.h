// Trains the demo model.
#pragma once

#include <cstdint>
#include <filesystem>

namespace kvcompare::demo {

struct TrainingOptions {
  std::filesystem::path tokenizer;   // folder with tokenizer.json
  std::filesystem::path output_dir;  // gets a whole checkpoint, and training.safetensors to resume from
  std::uint64_t seed = 1;
  double learning_rate = 3e-3;
  std::int64_t save_every = 100;  // steps
  std::int64_t max_steps = 0;  // 0: the whole curriculum; the schedule of the learning rate stays the whole's
};

// Goes on where training.safetensors left off, if it is there. A line a 50 steps on stdout.
void train(const TrainingOptions& options);

}  // namespace kvcompare::demo
