// How far a device is: the host queues all layers long before the device has passed them.
#pragma once

#include <deque>
#include <span>

#include "worker/devices/device_stream.h"
#include "worker/engine/batch_work.h"
#include "worker/engine/engine.h"
#include "worker/model/decoder.h"

namespace kvcompare {

// Tells `work` of every layer that the device has passed with all of the tasks.
class LayersUnderWay {
 public:
  LayersUnderWay(std::span<const EngineTask> tasks, const Decoder& decoder, BatchWork& work);

  // One more layer, the last of it on this stream.
  void queued(const c10::Stream& stream);

  // Until all are passed.
  void wait();

 private:
  void pass();

  BatchWork& work_;
  std::deque<double> operations_;  // of layers that are not passed, queued or not
  std::deque<StreamEvent> ends_;   // of layers that are not passed
};

}  // namespace kvcompare
