#include "worker/model/ropes.h"

#include "worker/model/rope_frequencies.h"

namespace kvcompare {

std::vector<Rope> ropes_of(const Decoder& decoder, const c10::Device& device) {
  std::vector<Rope> ropes;
  for (const auto& rope : decoder.ropes)
    ropes.emplace_back(inverse_frequencies(rope, heads_of(decoder).head_dim).to(device));
  return ropes;
}

AttentionRule rule_of(const LayerShape& layer, std::span<const Rope> ropes) {
  return {.rope = &ropes[layer.rope], .scale = layer.scale, .window = layer.window};
}

}  // namespace kvcompare
