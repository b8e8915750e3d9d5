#include "worker/checkpoint/families/sliding_keys.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "worker/checkpoint/families/json_config_keys.h"

namespace kvcompare {
namespace {

constexpr const char* kSlidingLayer = "sliding_attention";

bool any_of(const std::vector<bool>& slides) { return std::ranges::find(slides, true) != slides.end(); }

// By the older keys: the layers from max_window_layers on slide.
std::vector<bool> sliding_by_max_window_layers(ConfigKeys& keys, std::int64_t n_layers) {
  constexpr std::int64_t kDefault = 28;  // of qwen2 and qwen3
  const std::string key = "max_window_layers";
  const auto first =
      keys.has_key(key) ? keys.config().integer(key, 0, std::numeric_limits<std::int32_t>::max()) : kDefault;
  std::vector<bool> slides;
  for (std::int64_t l = 0; l < n_layers; ++l) slides.push_back(l >= first);
  return slides;
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
  const auto slides = sliding_by_layer_types(keys, n_layers);
  if (slides && any_of(*slides))
    keys.refuse("layer_types",
                std::string("holds ") + kSlidingLayer + ", but no sliding_window is in use" + keys_of_window);
}

void refuse_unread_layer_types(ConfigKeys& keys, std::int64_t n_layers) {
  const auto slides = sliding_by_layer_types(keys, n_layers);
  if (slides && any_of(*slides))
    keys.refuse("layer_types", std::string("holds ") + kSlidingLayer +
                                   ", but is no key of this family: which of its layers slide does not "
                                   "depend on it; accepted: full_attention, or no such key");
}

std::vector<bool> sliding_layers(ConfigKeys& keys, std::int64_t n_layers, std::int64_t pattern) {
  if (auto slides = sliding_by_layer_types(keys, n_layers)) return *slides;
  std::vector<bool> slides;
  for (std::int64_t l = 0; l < n_layers; ++l) slides.push_back((l + 1) % pattern != 0);
  return slides;
}

SlidingLayers read_window(ConfigKeys& keys, std::vector<bool> slides, std::int64_t otherwise) {
  const auto window = keys.size_or_null("sliding_window", otherwise);
  if (!any_of(slides)) return {.slides = std::move(slides)};
  if (!window) keys.refuse("sliding_window", "is null, but there are layers that slide (layer_types)");
  return {.slides = std::move(slides), .window = window};
}

ModelConfig sliding(Decoder decoder, const SlidingLayers& layers) {
  const bool all = std::ranges::find(layers.slides, false) == layers.slides.end();
  for (std::size_t l = 0; layers.window && l < decoder.layers.size(); ++l) {
    if (!layers.slides[l]) continue;
    decoder.layers[l].window = layers.window;
    decoder.layers[l].evicts = all;
  }
  ModelConfig config{.decoder = std::move(decoder)};
  if (all) config.sliding_window = layers.window;
  return config;
}

ModelConfig all_sliding(Decoder decoder, const std::optional<std::int64_t>& window) {
  const std::vector<bool> slides(decoder.layers.size(), true);
  return sliding(std::move(decoder), {.slides = slides, .window = window});
}

SlidingLayers read_switched_window(ConfigKeys& keys, std::int64_t n_layers) {
  constexpr std::int64_t kDefault = 4096;
  const bool is_on = keys.flag("use_sliding_window", false);
  const auto written = keys.size_or_null("sliding_window", kDefault);
  const auto by_older_keys = sliding_by_max_window_layers(keys, n_layers);
  const auto window = is_on ? written : std::nullopt;
  if (!window) {
    refuse_sliding_layers(keys, n_layers, " (use_sliding_window, sliding_window)");
    return {.slides = std::vector<bool>(static_cast<std::size_t>(n_layers), false)};
  }
  const auto slides = sliding_by_layer_types(keys, n_layers).value_or(by_older_keys);
  return {.slides = slides, .window = any_of(slides) ? window : std::nullopt};
}

}  // namespace kvcompare
