// Weights as the tiled engine multiplies with them: in the layout that its products read (weight_panels.h),
// and those that take the same input side by side. A layer, or a block of rows of the head, is a *stage*; a
// pass over the model asks for its stages in order. If they do not fit the memory allowed, every pass reads
// them from the checkpoint again: one stage is in use while the next is read. Of a layer with experts the
// router comes with the stage; the experts that it has chosen are read afterwards, the others are not.
#pragma once

#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include <ATen/core/Tensor.h>

#include "common/ids.h"
#include "worker/checkpoint/weights.h"
#include "worker/cpu/expert_weights.h"
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

  // For one caller at a time, who lets go of a stage before asking for the next. A layer comes without its
  // experts.
  std::shared_ptr<const FusedLayer> layer(std::int64_t index);
  std::shared_ptr<const at::Tensor> head_block(std::int64_t index);  // [d_model, <= kHeadBlock], packed

  // All experts of a layer, none if it has none. Not to be asked for where they are streamed.
  std::span<const ExpertWeights> experts(std::int64_t layer) const;
  // Where they are: f(group) for the `chosen` ones, ascending, a few at a time; the next are read meanwhile.
  // Throws CheckpointError, and what f throws.
  void stream_experts(std::int64_t layer, const std::vector<std::int64_t>& chosen,
                      const std::function<void(const ExpertGroup&)>& f);

 private:
  // What is read at once: a stage without experts, or some experts of a layer.
  struct Piece {
    std::int64_t stage = 0;
    std::vector<std::int64_t> experts{};

    friend bool operator==(const Piece&, const Piece&) = default;
  };
  using Loaded = std::variant<FusedLayer, at::Tensor, ExpertGroup>;
  using LoadedPointer = std::shared_ptr<const Loaded>;

  std::int64_t n_stages() const { return decoder_.n_layers() + n_head_blocks_; }
  bool has_experts(std::int64_t stage) const;
  std::int64_t n_bytes_streaming() const;
  std::int64_t n_bytes_of_all_stages() const;
  std::vector<Piece> groups_of(std::int64_t layer, const std::vector<std::int64_t>& experts) const;
  void load_all(bool keep);
  LoadedPointer load(const Piece& piece) const;
  LoadedPointer stage(std::int64_t index);
  LoadedPointer stream(const Piece& piece, const std::optional<Piece>& next);

  Decoder decoder_;
  CheckpointWeights checkpoint_;
  std::int64_t n_head_blocks_;
  at::ScalarType dtype_;
  ProductKind products_;
  at::Tensor final_norm_, final_norm_bias_;
  std::vector<LoadedPointer> resident_;        // by stage; empty if streaming
  std::vector<ExpertGroup> resident_experts_;  // by layer; those of each empty if streaming
  std::optional<Piece> read_ahead_piece_;
  std::future<LoadedPointer> read_ahead_;  // last: it reads the members above
};

}  // namespace kvcompare
