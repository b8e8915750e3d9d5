// The weights of a decoder, read from its checkpoint.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include <ATen/core/Tensor.h>

#include "common/ids.h"
#include "worker/checkpoint/checkpoint_files.h"
#include "worker/model/decoder.h"
#include "worker/model/layer_weights.h"
#include "worker/model/weight_table.h"

namespace kvcompare {

// The files of a checkpoint folder: model.safetensors, or the shards of model.safetensors.index.json. Throws
// CheckpointError naming file and tensor if one is missing, unexpected, misshaped, or of a dtype that is no
// floating point. Reads headers only, unless a tied model stores both embedding and head: these must be
// equal.
CheckpointFiles open_checkpoint(const std::filesystem::path& folder, const Decoder& decoder);

// Under which of their two names a tied model stores them; else the one of its own.
std::string embedding_name(const CheckpointFiles& files);
std::string lm_head_name(const CheckpointFiles& files, const Decoder& decoder);

// The weights of a checkpoint folder, read piece by piece. Tensors whose dtype and device match are views of
// the mapped files (read-only), the others are converted or, where engines want other rows, copied. Every
// piece is checked when it is read: CheckpointError naming file and tensor if it holds a NaN or infinity, be
// it stored or made by the conversion.
class CheckpointWeights {
 public:
  // Throws as open_checkpoint.
  CheckpointWeights(const std::filesystem::path& folder, const Decoder& decoder, at::ScalarType dtype,
                    at::Device device);

  at::ScalarType dtype() const { return dtype_; }
  at::Tensor embedding() const;
  LayerWeights layer(std::int64_t index) const;
  // The same in pieces, of which no other bytes are read: what the layer has beside its experts, and the
  // matrices and biases of one of them, without the dimension of experts.
  LayerWeights layer_without_experts(std::int64_t index) const;
  LayerWeights expert(std::int64_t layer, std::int64_t index) const;
  at::Tensor final_norm() const;
  at::Tensor final_norm_bias() const;  // undefined if the norm has none
  at::Tensor lm_head() const;          // the embedding if tied

  // Throws as reading it would. embedding_rows does not check.
  void check_embedding() const;
  at::Tensor embedding_rows(std::span<const TokenId> ids) const;  // [n_ids, d_model]
  at::Tensor lm_head_rows(std::int64_t begin, std::int64_t n) const;

  // Gives the memory back that pages of the files take in this process; they are read again where needed.
  void drop_pages() const;

 private:
  at::Tensor tensor(const std::string& name) const;
  at::Tensor part(const std::string& prefix, const StoredTensor& stored) const;
  LayerWeights parts_of_expert(std::int64_t layer, std::int64_t expert) const;

  CheckpointFiles files_;
  Decoder decoder_;
  at::ScalarType dtype_;
  at::Device device_;
};

// All weights at once.
ModelWeights load_weights(const std::filesystem::path& folder, const Decoder& decoder, at::ScalarType dtype,
                          at::Device device);

}  // namespace kvcompare
