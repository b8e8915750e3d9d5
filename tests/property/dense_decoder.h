// A decoder whose layers differ, its checkpoint, and its numbers by the definition: dense attention under a
// mask, in float64, by nothing of the program but libtorch's operators.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "common/ids.h"
#include "presses/policy/death_times.h"
#include "worker/model/decoder.h"

namespace kvcompare {

// 4 query heads over 2 KV heads of 16 channels, or 2 over 1 of 64, which tensor cores serve. Four layers with
// these windows (0: none), two rotary embeddings, one of which scales queries by their position, a scale of
// attention for each layer, MLPs of different widths, biases and head norms in some layers.
Decoder uneven_decoder(const std::vector<std::int64_t>& windows, std::int64_t head_dim = 16);

class DenseDecoder {
 public:
  // Random weights of a seed.
  DenseDecoder(Decoder decoder, std::uint64_t seed);

  const Decoder& decoder() const { return decoder_; }

  // model.safetensors, and scorer/ with a surrogate of KVzap.
  void write(const std::filesystem::path& folder) const;

  // NLL of each token but the first.
  //   deaths : of layer l and KV head h at [l * n_kv_heads + h]; empty: nobody dies
  std::vector<double> token_nll(const std::vector<TokenId>& ids,
                                const std::vector<std::vector<DeathTime>>& deaths,
                                const Chunking& chunking) const;

 private:
  at::Tensor pass_layer(std::int64_t index, const at::Tensor& x,
                        const std::vector<std::vector<DeathTime>>& deaths, const Chunking& chunking) const;
  at::Tensor linear(const at::Tensor& x, const std::string& name) const;
  at::Tensor norm(const at::Tensor& x, const std::string& name) const;

  Decoder decoder_;
  std::uint64_t seed_;
  std::map<std::string, at::Tensor> weights_;  // by their names in the checkpoint, float64
};

}  // namespace kvcompare
