// Weights as the tiled engine multiplies with them: in the layout that its products read (weight_panels.h),
// and those that take the same input side by side. A layer, or a block of rows of the head, is a *stage*; a
// pass over the model asks for its stages in order. If they do not fit the memory allowed, every pass reads
// them from the checkpoint again: one stage is in use while the next is read.
#pragma once

#include <cstdint>
#include <future>
#include <memory>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include <ATen/core/Tensor.h>

#include "common/ids.h"
#include "worker/checkpoint/weights.h"
#include "worker/cpu/products.h"
#include "worker/model/decoder.h"
#include "worker/model/fused_layer.h"

namespace kvcompare {

class PackedWeights {
 public:
  // max_bytes: of weights in memory; all stay if absent, or if they fit. Reads and checks every weight once.
  // Throws CheckpointError, and ConfigError("max_weight_memory") if it is less than streaming needs.
  // `checkpoint`: on the CPU, of `dtype`. Matrices keep that type; norms and biases of a model of 16 bits
  // become float32, which is what the engine adds and multiplies them in. NormShape::offset is added to the
  // weights of norms.
  // products: with which the layers are multiplied; if absent, the fastest kind on this machine.
  PackedWeights(const Decoder& decoder, CheckpointWeights checkpoint, std::optional<std::int64_t> max_bytes,
                std::optional<ProductKind> products = std::nullopt);

  const Decoder& decoder() const { return decoder_; }
  at::ScalarType dtype() const { return dtype_; }  // of the matrices
  ProductKind products() const { return products_; }
  bool streams() const { return resident_.empty(); }
  std::int64_t n_head_blocks() const { return n_head_blocks_; }
  static constexpr std::int64_t kHeadBlock = 4096;  // vocabulary entries of a head block

  at::Tensor embed(std::span<const TokenId> ids) const { return checkpoint_.embedding_rows(ids); }
  const at::Tensor& final_norm() const { return final_norm_; }
  const at::Tensor& final_norm_bias() const { return final_norm_bias_; }  // undefined if there is none

  // For one caller at a time, who lets go of a stage before asking for the next.
  std::shared_ptr<const FusedLayer> layer(std::int64_t index);
  std::shared_ptr<const at::Tensor> head_block(std::int64_t index);  // [d_model, <= kHeadBlock], packed

 private:
  using Stage = std::variant<FusedLayer, at::Tensor>;
  using StagePointer = std::shared_ptr<const Stage>;

  std::int64_t n_stages() const { return decoder_.n_layers() + n_head_blocks_; }
  std::int64_t n_bytes_of_largest_stage() const;
  std::int64_t n_bytes_of_all_stages() const;
  StagePointer load(std::int64_t stage) const;
  StagePointer stage(std::int64_t index);

  Decoder decoder_;
  CheckpointWeights checkpoint_;
  std::int64_t n_head_blocks_;
  at::ScalarType dtype_;
  ProductKind products_;
  at::Tensor final_norm_, final_norm_bias_;
  std::vector<StagePointer> resident_;  // empty if streaming
  std::int64_t read_ahead_index_ = -1;
  std::future<StagePointer> read_ahead_;  // last: it reads the members above
};

}  // namespace kvcompare
