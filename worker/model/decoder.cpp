#include "worker/model/decoder.h"

#include <algorithm>

#include "common/errors.h"

namespace kvcompare {
namespace {

std::string text_of(const HeadShape& heads) {
  return std::to_string(heads.n_heads) + " query heads, " + std::to_string(heads.n_kv_heads) +
         " KV heads and a head size of " + std::to_string(heads.head_dim);
}

}  // namespace

const HeadShape& heads_of(const Decoder& decoder) {
  require(!decoder.layers.empty(), "a decoder has layers");
  const auto& first = decoder.layers.front().heads;
  const auto other =
      std::ranges::find_if(decoder.layers, [&](const LayerShape& layer) { return !(layer.heads == first); });
  if (other != decoder.layers.end())
    throw ConfigError("model_name", "layer " + std::to_string(other - decoder.layers.begin()) +
                                        " of the model has " + text_of(other->heads) + ", layer 0 has " +
                                        text_of(first) +
                                        "; kvcompare computes models whose layers have the same heads");
  return first;
}

std::int64_t widest_mlp(const Decoder& decoder) {
  std::int64_t width = 0;
  for (const auto& layer : decoder.layers) width = std::max(width, layer.mlp.width);
  return width;
}

std::int64_t most_experts(const Decoder& decoder) {
  std::int64_t most = 0;
  for (const auto& layer : decoder.layers) most = std::max(most, layer.mlp.experts.n);
  return most;
}

bool has_windows(const Decoder& decoder) {
  return std::ranges::any_of(decoder.layers, [](const auto& layer) { return layer.window.has_value(); });
}

std::optional<std::int64_t> n_unscaled_queries(const Decoder& decoder) {
  std::optional<std::int64_t> n;
  for (const auto& layer : decoder.layers) {
    const auto& scale = decoder.rope_of(layer).query_scale;
    if (scale.beta != 0) n = std::min(n.value_or(scale.n_unscaled), scale.n_unscaled);
  }
  return n;
}

std::int64_t n_evicting_before(const Decoder& decoder, std::int64_t n) {
  return std::count_if(decoder.layers.begin(), decoder.layers.begin() + n,
                       [](const auto& layer) { return layer.evicts; });
}

}  // namespace kvcompare
