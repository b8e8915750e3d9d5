#include "worker/checkpoint/families/sliding_keys.h"

#include <algorithm>
#include <limits>

#include "worker/checkpoint/families/json_config_keys.h"

namespace kvcompare {
namespace {

constexpr const char* kSlidingLayer = "sliding_attention";

bool any_slides(ConfigKeys& keys, std::int64_t n_layers) {
  const auto slides = sliding_by_layer_types(keys, n_layers);
  return slides && std::ranges::find(*slides, true) != slides->end();
}

// By the older keys: the layers from max_window_layers on slide.
bool slides_by_max_window_layers(ConfigKeys& keys, std::int64_t n_layers) {
  constexpr std::int64_t kDefault = 28;  // of qwen2 and qwen3
  const std::string key = "max_window_layers";
  const auto first =
      keys.has_key(key) ? keys.config().integer(key, 0, std::numeric_limits<std::int32_t>::max()) : kDefault;
  return first < n_layers;
}

}  // namespace

std::optional<std::vector<bool>> sliding_by_layer_types(ConfigKeys& keys, std::int64_t n_layers) {
  if (!keys.has_value("layer_types")) return std::nullopt;
  const nlohmann::json& types = keys.config().json().at("layer_types");
  if (!types.is_array() || types.size() != static_cast<std::size_t>(n_layers))
    keys.refuse("layer_types",
                "expected an array of " + std::to_string(n_layers) + " strings, one for each layer");
  std::vector<bool> slides;
  for (const nlohmann::json& type : types) {
    if (type != "full_attention" && type != kSlidingLayer)
      keys.refuse("layer_types", "holds " + describe(type) + "; accepted: full_attention, " + kSlidingLayer);
    slides.push_back(type == kSlidingLayer);
  }
  return slides;
}

void refuse_sliding_layers(ConfigKeys& keys, std::int64_t n_layers, const std::string& keys_of_window) {
  if (any_slides(keys, n_layers))
    keys.refuse("layer_types",
                std::string("holds ") + kSlidingLayer + ", but no sliding_window is in use" + keys_of_window);
}

std::optional<std::int64_t> read_switched_window(ConfigKeys& keys, std::int64_t n_layers) {
  constexpr std::int64_t kDefault = 4096;
  const bool is_on = keys.flag("use_sliding_window", false);
  const auto written = keys.size_or_null("sliding_window", kDefault);
  const auto window = is_on ? written : std::nullopt;
  if (!window) {
    refuse_sliding_layers(keys, n_layers, " (use_sliding_window, sliding_window)");
    return std::nullopt;
  }
  const bool slides = keys.has_value("layer_types") ? any_slides(keys, n_layers)
                                                    : slides_by_max_window_layers(keys, n_layers);
  return slides ? window : std::nullopt;
}

}  // namespace kvcompare
