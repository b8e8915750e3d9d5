#include "worker/gpu/layers_under_way.h"

#include <iterator>

namespace kvcompare {

LayersUnderWay::LayersUnderWay(std::span<const EngineTask> tasks, const Decoder& decoder, BatchWork& work)
    : work_(work) {
  for (std::int64_t l = 0; l < decoder.n_layers(); ++l) {
    const auto layer = layer_operations(decoder, l);
    double sum = 0;
    for (const auto& task : tasks) sum += layer.of(0, std::ssize(task.sample->ids));
    operations_.push_back(sum);
  }
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
  work_.done(operations_.front());
  operations_.pop_front();
}

}  // namespace kvcompare
