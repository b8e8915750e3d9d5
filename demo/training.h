// Trains the demo model.
#pragma once

#include <cstdint>
#include <filesystem>

namespace kvcompare::demo {

struct TrainingOptions {
  std::filesystem::path tokenizer;   // the folder with tokenizer.json
  std::filesystem::path output_dir;  // gets a complete checkpoint, and training.safetensors to resume from
  std::uint64_t seed = 1;
  double learning_rate = 3e-3;
  std::int64_t save_every = 100;  // steps
  std::int64_t max_steps = 0;  // 0: the whole curriculum. The learning rate follows the whole curriculum in
                               // any case
};

// Continues from training.safetensors, if it exists. Prints a line every 50 steps.
void train(const TrainingOptions& options);

}  // namespace kvcompare::demo
