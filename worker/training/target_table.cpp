#include "worker/training/target_table.h"

#include <optional>

#include <ATen/ops/cat.h>

#include "common/errors.h"
#include "worker/checkpoint/safetensors.h"
#include "worker/checkpoint/safetensors_writer.h"

namespace kvcompare {
namespace {

std::string hidden_name(std::int64_t layer) { return "hidden." + std::to_string(layer); }
std::string scores_name(std::int64_t layer) { return "scores." + std::to_string(layer); }

//   width : of the table in the files before it; absent in the first
at::Tensor table_of(const SafetensorsFile& file, const std::string& name, std::optional<std::int64_t> width) {
  auto table = file.tensor(name);
  const auto refuse = [&](const std::string& problem) {
    throw CheckpointError(file.path().string(), name, problem);
  };
  if (table.scalar_type() != at::kFloat) refuse("dtype is " + file.find(name)->dtype + "; expected F32");
  if (table.dim() != 2)
    refuse("has " + std::to_string(table.dim()) + " dimensions; expected 2, a row for each position");
  if (width && table.size(1) != *width)
    refuse("has " + std::to_string(table.size(1)) + " columns; expected " + std::to_string(*width) +
           ", as in the files before it");
  return table;
}

std::optional<std::int64_t> width_of(const std::vector<at::Tensor>& tables) {
  return tables.empty() ? std::nullopt : std::optional(tables.front().size(1));
}

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
    hidden.push_back(table_of(file, hidden_name(layer), width_of(hidden)));
    scores.push_back(table_of(file, scores_name(layer), width_of(scores)));
    if (hidden.back().size(0) != scores.back().size(0))
      throw CheckpointError(path.string(), scores_name(layer),
                            "has " + std::to_string(scores.back().size(0)) + " rows; expected " +
                                std::to_string(hidden.back().size(0)) + ", as many as " + hidden_name(layer));
  }
  return {.hidden = at::cat(hidden), .scores = at::cat(scores)};
}

}  // namespace kvcompare
