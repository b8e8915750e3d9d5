// How large a model is, as plain data: what the coordinator may know of it, and what results say of it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace kvcompare {

struct ModelShape {
  std::int64_t n_layers = 0;
  std::int64_t n_heads = 0;     // query heads of a layer
  std::int64_t n_kv_heads = 0;  // of a layer; divides n_heads
  std::int64_t head_dim = 0;
  std::int64_t hidden_size = 0;
  std::int64_t vocab_size = 0;
  std::int64_t max_position_embeddings = 0;  // positions that the model was made for
  // Layers that forget by a window of their own beside layers that do not: methods evict in the others alone,
  // and keys are counted in those. Absent if no layer does.
  std::optional<std::vector<std::int64_t>> sliding_layers{};
  std::optional<std::int64_t> sliding_window{};  // the latest keys, which each of them holds

  std::int64_t n_sliding_layers() const {
    return sliding_layers ? static_cast<std::int64_t>(sliding_layers->size()) : 0;
  }
  std::int64_t n_evicting_layers() const { return n_layers - n_sliding_layers(); }

  static constexpr std::array kFields{"n_layers",
                                      "n_heads",
                                      "n_kv_heads",
                                      "head_dim",
                                      "hidden_size",
                                      "vocab_size",
                                      "max_position_embeddings",
                                      "sliding_layers",
                                      "sliding_window"};
  friend bool operator==(const ModelShape&, const ModelShape&) = default;
};

}  // namespace kvcompare
