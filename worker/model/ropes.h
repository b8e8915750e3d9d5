// The rotary embeddings of a decoder.
#pragma once

#include <span>
#include <vector>

#include <c10/core/Device.h>

#include "presses/attention_rule.h"
#include "worker/model/decoder.h"

namespace kvcompare {

// In the order of Decoder::ropes, with frequencies on the device.
std::vector<Rope> ropes_of(const Decoder& decoder, const c10::Device& device = at::kCPU);

// ropes: of the decoder, which outlive the rule.
AttentionRule rule_of(const LayerShape& layer, std::span<const Rope> ropes);

}  // namespace kvcompare
