// How a surrogate of KVzap is trained; beside model, data set and dtype, which RunSpec has.
// Defaults: those of the public training code (NVIDIA/kvpress, kvzap/).
#pragma once

#include <cstdint>
#include <string>

namespace kvcompare {

struct KvzapTrainingSpec {
  std::string kvzap_model_type = "mlp";     // mlp | linear
  std::int64_t min_tokens = 750;            // shorter samples are left out
  std::int64_t max_tokens = 1250;           // longer ones are cut
  std::int64_t positions_per_prompt = 500;  // of a prompt, drawn by seed; all of them if it has fewer
  // Stands between a context and its repetition.
  std::string repeat_prompt = "\n\nRepeat the previous context exactly.\n";
  std::uint64_t seed = 42;  // of held-out prompts, positions, first weights and order of the examples
  double held_out = 0.1;    // share of the prompts that nothing is fitted to

  std::int64_t hidden_dim = 512;  // of the mlp
  std::int64_t n_epochs = 15;
  std::int64_t batch_size = 512;
  double learning_rate = 5e-3;
  double ridge = 1;  // of the linear one: penalty on the squared weights
};

}  // namespace kvcompare
