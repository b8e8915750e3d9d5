#include "worker/training/target_table.h"

#include <ATen/ops/cat.h>

#include "worker/checkpoint/safetensors.h"
#include "worker/checkpoint/safetensors_writer.h"

namespace kvcompare {
namespace {

std::string hidden_name(std::int64_t layer) { return "hidden." + std::to_string(layer); }
std::string scores_name(std::int64_t layer) { return "scores." + std::to_string(layer); }

}  // namespace

std::string target_table(const std::vector<LayerTargets>& targets) {
  NamedTensors tensors;
  for (std::int64_t l = 0; l < std::ssize(targets); ++l) {
    tensors.emplace_back(hidden_name(l), targets[static_cast<std::size_t>(l)].hidden);
    tensors.emplace_back(scores_name(l), targets[static_cast<std::size_t>(l)].scores);
  }
  return safetensors_bytes(tensors);
}

LayerTargets read_targets(std::span<const std::filesystem::path> files, std::int64_t layer) {
  std::vector<at::Tensor> hidden, scores;
  std::vector<SafetensorsFile> mapped;  // kept until their tensors are copied
  for (const auto& path : files) {
    const auto& file = mapped.emplace_back(path);
    hidden.push_back(file.tensor(hidden_name(layer)));
    scores.push_back(file.tensor(scores_name(layer)));
  }
  return {.hidden = at::cat(hidden), .scores = at::cat(scores)};
}

}  // namespace kvcompare
