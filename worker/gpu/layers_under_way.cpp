#include "worker/gpu/layers_under_way.h"

#include <iterator>

namespace kvcompare {

LayersUnderWay::LayersUnderWay(std::span<const EngineTask> tasks, const ModelConfig& config, BatchWork& work)
    : work_(work) {
  for (const auto& task : tasks) of_layer_ += layer_operations(config, 0, std::ssize(task.sample->ids));
}

void LayersUnderWay::queued(const c10::Stream& stream) {
  ends_.emplace_back(stream.device()).record(stream);
  while (!ends_.empty() && ends_.front().is_past()) pass();
}

void LayersUnderWay::wait() {
  while (!ends_.empty()) {
    ends_.front().wait();
    pass();
  }
}

void LayersUnderWay::pass() {
  ends_.pop_front();
  work_.done(of_layer_);
}

}  // namespace kvcompare
