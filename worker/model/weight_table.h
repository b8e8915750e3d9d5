// The table of weights: which tensors a layer has, under which names, of which shapes, and which rows of
// which fused matrix each of them is. Whoever lists, loads, packs or counts weights reads them from here.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "worker/model/decoder.h"
#include "worker/model/fused_layer.h"
#include "worker/model/layer_weights.h"

namespace kvcompare {

inline constexpr const char* kEmbeddingName = "model.embed_tokens.weight";
inline constexpr const char* kFinalNormName = "model.norm.weight";
inline constexpr const char* kFinalNormBiasName = "model.norm.bias";
inline constexpr const char* kLmHeadName = "lm_head.weight";

std::string layer_prefix(std::int64_t layer);  // "model.layers.3."

// A tensor of a checkpoint, or some rows of one.
struct StoredTensor {
  std::string name;                 // behind layer_prefix()
  std::vector<std::int64_t> shape;  // [out, in] of a matrix, [n] of a bias or norm
  at::Tensor LayerWeights::*member;
  // Rows [first_row, first_row + shape[0]) of one that has n_stored_rows. 0: all rows.
  std::int64_t first_row = 0;
  std::int64_t n_stored_rows = 0;
  // stored_channels() of each head, if rows are channels of heads in another order; else empty.
  std::vector<std::int64_t> channels{};
  // Of a tensor that stores all experts: those rows are the slice of one, [in, out], so that their transpose
  // is meant; and with out in turn of two parts, the rows of the first part come first.
  std::int64_t n_stacked = 0;  // experts; 0: it is no such tensor
  bool is_interleaved = false;
  bool is_number = false;    // is stored without a dimension; shape is [1]
  std::int64_t expert = -1;  // whose part of the member it is; -1: all of the member

  bool is_in_order() const { return channels.empty() && n_stacked == 0; }
  std::int64_t n_rows() const { return shape.front(); }
  std::vector<std::int64_t> stored_shape() const;  // of the whole tensor
  std::int64_t n_numbers() const;                  // of these rows
};

// `rows`, read from the checkpoint, in the order in which engines want them.
at::Tensor in_order(const StoredTensor& stored, const at::Tensor& rows);

// What engines multiply with or add: stored tensors one below the other, in this order.
struct FusedTensor {
  at::Tensor FusedLayer::*member;
  std::vector<StoredTensor> parts;  // at least one; all matrices of as many columns, or all vectors

  bool is_matrix() const { return parts.front().shape.size() == 2; }
  std::int64_t n_experts() const { return parts.back().expert + 1; }  // 0 if it is not of experts
  std::int64_t n_columns() const { return is_matrix() ? parts.front().shape[1] : 1; }
  std::int64_t n_rows() const;
  std::int64_t n_numbers() const { return n_rows() * n_columns(); }
};

// All tensors of a layer. Rows of one stored tensor follow one another.
std::vector<FusedTensor> layer_tensors(const Decoder& decoder, std::int64_t layer);

// How many numbers the weights of a layer are: all of them, or matrices alone; and those of matrices with
// which each token is multiplied, which are not all experts.
std::int64_t n_layer_numbers(const Decoder& decoder, std::int64_t layer);
std::int64_t n_layer_matrix_numbers(const Decoder& decoder, std::int64_t layer);
std::int64_t n_multiplied_numbers(const Decoder& decoder, std::int64_t layer);

// Of the layer that has the most.
std::int64_t n_numbers_of_largest_layer(const Decoder& decoder);

// Embedding, head (the same if they are tied) and final norm; with the layers, all weights of the decoder.
std::int64_t n_numbers_outside_layers(const Decoder& decoder);
std::int64_t n_decoder_numbers(const Decoder& decoder);

// Those that are on a device at once if layers are streamed: two layers, and what is outside of layers.
std::int64_t n_streamed_numbers(const Decoder& decoder);

}  // namespace kvcompare
