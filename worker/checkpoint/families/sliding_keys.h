// The keys that say which layers of a model slide, and how far.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace kvcompare {

class ConfigKeys;

// Whether each layer slides, by layer_types; absent where the key is.
std::optional<std::vector<bool>> sliding_by_layer_types(ConfigKeys& keys, std::int64_t n_layers);

// The window of layers that slide by use_sliding_window, sliding_window, layer_types or max_window_layers, as
// Qwen2 and Qwen3 read them. Absent if none slides.
std::optional<std::int64_t> read_switched_window(ConfigKeys& keys, std::int64_t n_layers);

// Throws if layer_types names a layer that slides where no window is in use.
void refuse_sliding_layers(ConfigKeys& keys, std::int64_t n_layers, const std::string& keys_of_window = "");

}  // namespace kvcompare
