#include <string>
#include <utility>
#include <vector>

#include "worker/checkpoint/families/family.h"
#include "worker/checkpoint/families/json_plain_keys.h"
#include "worker/checkpoint/families/sliding_keys.h"

namespace kvcompare {
namespace {

std::vector<bool> read_sliding_layers(ConfigKeys& keys, std::int64_t n_layers) {
  const std::string pattern = "sliding_window_pattern";  // without effect beside layer_types
  keys.claim({pattern});
  if (keys.has_value("layer_types")) return *sliding_by_layer_types(keys, n_layers);
  if (keys.has_key("sliding_window") && !keys.has_value("sliding_window"))
    keys.refuse("layer_types", "is missing, and sliding_window is null; expected an array of " +
                                   std::to_string(n_layers) + " strings, full_attention");
  if (keys.has_key(pattern) && !keys.config().json().at(pattern).is_number())
    keys.refuse(pattern, "is " + describe(keys.config().json().at(pattern)) +
                             "; expected an integer of at least 1, or layer_types beside it");
  return sliding_layers(keys, n_layers, keys.size(pattern, 4));
}

}  // namespace

// Norms stand behind attention and MLP; norms of queries and keys. Three layers of four slide, and they alone
// have RoPE, unless no layer may slide.
ModelConfig read_exaone4(ConfigKeys& keys) {
  auto plain = read_plain(keys, {.model_type = "exaone4", .n_kv_heads = 32, .eps = 1e-5});
  plain.qk_norm = true;
  auto decoder = decoder_of(plain);
  decoder.ropes.push_back({.type = RopeConfig::Type::kNone});
  const auto slides = read_sliding_layers(keys, plain.n_layers);
  const bool has_window = keys.size_or_null("sliding_window", 4096).has_value();
  for (std::size_t l = 0; l < slides.size(); ++l) {
    auto& layer = decoder.layers[l];
    layer.norms = kNormsBehind;
    if (has_window && !slides[l]) layer.rope = 1;
  }
  return sliding(std::move(decoder), read_window(keys, slides, 4096));
}

}  // namespace kvcompare
