// How large a model is, as plain data: what the coordinator may know of it, and what results say of it.
#pragma once

#include <array>
#include <cstdint>

namespace kvcompare {

struct ModelShape {
  std::int64_t n_layers = 0;
  std::int64_t n_heads = 0;     // query heads of a layer
  std::int64_t n_kv_heads = 0;  // of a layer; divides n_heads
  std::int64_t head_dim = 0;
  std::int64_t hidden_size = 0;
  std::int64_t vocab_size = 0;
  std::int64_t max_position_embeddings = 0;  // positions that the model was made for

  static constexpr std::array kFields{"n_layers",
                                      "n_heads",
                                      "n_kv_heads",
                                      "head_dim",
                                      "hidden_size",
                                      "vocab_size",
                                      "max_position_embeddings"};
  friend bool operator==(const ModelShape&, const ModelShape&) = default;
};

}  // namespace kvcompare
