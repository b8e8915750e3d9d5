#include "tests/support/family_checkpoint.h"

#include <array>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <string_view>
#include <vector>

#include "tests/support/safetensors_writer.h"
#include "tests/support/tiny_model.h"
#include "tests/support/weight_generator.h"
#include "worker/checkpoint/decoder_tensors.h"
#include "worker/checkpoint/model_config.h"

namespace kvcompare {
namespace {

// So that a layer changes the residual stream about as much as it is large, whatever the family.
Distribution distribution_of(const ExpectedTensor& tensor, const Decoder& decoder) {
  const std::string_view name = tensor.name;
  if (name.ends_with("norm.weight"))
    return {.mean = static_cast<float>(1 - decoder.norm.offset), .scale = 0.2};
  if (name.ends_with("act_fn.beta")) return {.mean = 0.5F, .scale = 0};
  if (name.ends_with("act_fn.eps")) return {.mean = -1e-6F, .scale = 0};
  if (tensor.shape.size() < 2) return {.mean = 0, .scale = 0.3};
  if (name.ends_with("embed_tokens.weight")) return {.mean = 0, .scale = 0.8};
  return {.mean = 0, .scale = 1.4 / std::sqrt(static_cast<double>(tensor.shape.back()))};
}

}  // namespace

std::string write_family_checkpoint(const std::filesystem::path& folder, const std::string& config_json,
                                    std::uint64_t seed) {
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "config.json") << config_json;
  const auto decoder = read_model_config(folder / "config.json").decoder;
  std::vector<TensorToWrite> tensors;
  std::uint64_t hash = fnv1a64("");
  for (const auto& tensor : expected_tensors(decoder)) {
    if (decoder.has_tied_head && tensor.name == "lm_head.weight") continue;
    std::int64_t n = 1;
    for (const auto size : tensor.shape) n *= size;
    WeightGenerator generator(seed, tensor.name);
    tensors.push_back({tensor.name, "BF16", tensor.shape,
                       stored(draw(generator, distribution_of(tensor, decoder), n), Storage::kBF16)});
    hash = fnv1a64(tensors.back().bytes, hash);
  }
  write_safetensors(folder / "model.safetensors", tensors);
  TinyModelSpec scorer;
  scorer.seed = seed;
  scorer.hidden = decoder.hidden_size;
  scorer.layers = decoder.n_layers();
  scorer.kv_heads = heads_of(decoder).n_kv_heads;
  write_tiny_scorer(folder / "scorer", scorer);
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(hash));
  return text.data();
}

}  // namespace kvcompare
