// How far a device is: the host queues all layers long before the device has passed them.
#pragma once

#include <deque>
#include <span>

#include "worker/checkpoint/model_config.h"
#include "worker/devices/device_stream.h"
#include "worker/engine/batch_work.h"
#include "worker/engine/engine.h"

namespace kvcompare {

// Tells `work` of every layer that the device has passed with all of the tasks.
class LayersUnderWay {
 public:
  LayersUnderWay(std::span<const EngineTask> tasks, const ModelConfig& config, BatchWork& work);

  // One more layer, the last of it on this stream.
  void queued(const c10::Stream& stream);

  // Until all are passed.
  void wait();

 private:
  void pass();

  BatchWork& work_;
  double of_layer_ = 0;
  std::deque<StreamEvent> ends_;  // of layers that are not passed
};

}  // namespace kvcompare
