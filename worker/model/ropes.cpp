#include "worker/model/ropes.h"

#include <algorithm>

#include "worker/model/rope_frequencies.h"

namespace kvcompare {

std::vector<Rope> ropes_of(const Decoder& decoder, std::int64_t n_tokens, const c10::Device& device) {
  std::vector<Rope> ropes;
  for (const auto& rope : decoder.ropes)
    ropes.push_back(make_rope(rope, heads_of(decoder).head_dim, n_tokens).to(device));
  return ropes;
}

std::int64_t length_of_ropes(const Decoder& decoder, std::int64_t n_tokens) {
  std::int64_t length = 0;
  for (const auto& rope : decoder.ropes) length = std::max(length, length_of_rope(rope, n_tokens));
  return length;
}

AttentionRule rule_of(const LayerShape& layer, std::span<const Rope> ropes) {
  return {.rope = &ropes[layer.rope], .scale = layer.scale, .window = layer.window, .cap = layer.cap};
}

std::span<const Rope> RopesByLength::of(const Decoder& decoder, std::int64_t n_tokens) {
  const auto length = length_of_ropes(decoder, n_tokens);
  const std::lock_guard lock(mutex_);
  const auto found = ropes_.find(length);
  if (found != ropes_.end()) return found->second;
  return ropes_.emplace(length, ropes_of(decoder, n_tokens, device_)).first->second;
}

}  // namespace kvcompare
