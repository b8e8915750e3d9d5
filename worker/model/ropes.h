// The rotary embeddings of a decoder.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <vector>

#include <c10/core/Device.h>

#include "presses/attention_rule.h"
#include "worker/model/decoder.h"

namespace kvcompare {

// For samples of a length: in the order of Decoder::ropes, with frequencies on the device.
std::vector<Rope> ropes_of(const Decoder& decoder, std::int64_t n_tokens,
                           const c10::Device& device = at::kCPU);

// Which length the frequencies of the decoder depend on, see length_of_rope().
std::int64_t length_of_ropes(const Decoder& decoder, std::int64_t n_tokens);

// Without sinks, which are weights.
//   ropes : of the decoder, which outlive the rule
AttentionRule rule_of(const LayerShape& layer, std::span<const Rope> ropes);

// Those of every length that was asked for; they live as long as this object. Several threads may ask.
class RopesByLength {
 public:
  explicit RopesByLength(const c10::Device& device) : device_(device) {}
  std::span<const Rope> of(const Decoder& decoder, std::int64_t n_tokens);

 private:
  c10::Device device_;
  std::mutex mutex_;
  std::map<std::int64_t, std::vector<Rope>> ropes_;  // by length_of_ropes()
};

}  // namespace kvcompare
