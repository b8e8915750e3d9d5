// A press that evicts as another one does, and shows a LayerSink what every layer sees meanwhile.
#pragma once

#include <memory>

#include "presses/layer_sink.h"
#include "presses/policy/layer_press.h"

namespace kvcompare {

// The sink outlives the press.
std::unique_ptr<LayerPress> recording_press(std::unique_ptr<LayerPress> press, LayerSink& sink);

}  // namespace kvcompare
