// The keys that say which layers of a model slide, and how far.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "worker/checkpoint/model_config.h"

namespace kvcompare {

class ConfigKeys;

// Whether each layer slides, by layer_types; absent where the key is.
std::optional<std::vector<bool>> sliding_by_layer_types(ConfigKeys& keys, std::int64_t n_layers);

// The same, or else all layers slide but every `pattern`-th: those whose place, counted from 1, is a multiple
// of it.
std::vector<bool> sliding_layers(ConfigKeys& keys, std::int64_t n_layers, std::int64_t pattern);

// Which layers slide by use_sliding_window, sliding_window, layer_types or max_window_layers, as Qwen2 and
// Qwen3 read them.
struct SlidingLayers {
  std::vector<bool> slides;
  std::optional<std::int64_t> window{};  // absent if none slides
};
SlidingLayers read_switched_window(ConfigKeys& keys, std::int64_t n_layers);

// By sliding_window, with its default; which layers slide is known.
SlidingLayers read_window(ConfigKeys& keys, std::vector<bool> slides, std::int64_t otherwise);

// The same where the family does not read layer_types.
void refuse_unread_layer_types(ConfigKeys& keys, std::int64_t n_layers);

// Throws if layer_types names a layer that slides where no window is in use.
void refuse_sliding_layers(ConfigKeys& keys, std::int64_t n_layers, const std::string& keys_of_window = "");

// The model whose layers slide so. Where some do and some do not, methods evict in those that do not. Where
// all do, in all, of samples no longer than the window.
ModelConfig sliding(Decoder decoder, const SlidingLayers& layers);

// Where all layers slide if there is a window.
ModelConfig all_sliding(Decoder decoder, const std::optional<std::int64_t>& window);

}  // namespace kvcompare
