// The description of the decoder that config.json asks for. This is the one place that knows both.
#pragma once

#include "worker/checkpoint/model_config.h"
#include "worker/model/decoder.h"

namespace kvcompare {

// The layers have no window: samples longer than ModelConfig::sliding_window are refused, and shorter ones
// are within it.
Decoder decoder_of(const ModelConfig& config);

}  // namespace kvcompare
