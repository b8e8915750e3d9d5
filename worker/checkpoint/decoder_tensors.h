// Which tensors the checkpoint of a decoder has, by the table of weights: names and shapes, as transformers
// stores them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "worker/model/decoder.h"

namespace kvcompare {

struct ExpectedTensor {
  std::string name;
  std::vector<std::int64_t> shape;
};

// All tensors of the model. A tied model may store either of embedding and lm_head, or both.
std::vector<ExpectedTensor> expected_tensors(const Decoder& decoder);

// Throws CheckpointError(file, tensor) if a tensor is missing or one is there that the model does not have
// (leftovers of old versions apart, such as rotary_emb.inv_freq). `names`: what `file` lists, ascending.
void check_tensor_names(const Decoder& decoder, std::span<const std::string> names, const std::string& file);

}  // namespace kvcompare
