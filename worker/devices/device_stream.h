// Streams and events of any device. On the CPU a call returns when its work is done: there is one stream, and
// an event is always past.
#pragma once

#include <c10/core/Device.h>
#include <c10/core/Event.h>
#include <c10/core/Stream.h>

namespace kvcompare {

// One of its own, as far as the device has some left (libtorch has 32 a GPU).
c10::Stream new_stream(const c10::Device& device);

class StreamEvent {
 public:
  explicit StreamEvent(const c10::Device& device) : is_on_cpu_(device.is_cpu()), event_(device.type()) {}

  // It is past when what is queued on the stream until now is done. Instead of what was recorded before.
  void record(const c10::Stream& stream) {
    if (!is_on_cpu_) event_.record(stream);
  }

  // What is queued on the stream from now on begins when the event is past. Past if never recorded.
  void hold_up(const c10::Stream& stream) const {
    if (!is_on_cpu_) event_.block(stream);
  }

  bool is_past() const { return is_on_cpu_ || event_.query(); }
  void wait() const {
    if (!is_on_cpu_) event_.synchronize();
  }

 private:
  bool is_on_cpu_;
  c10::Event event_;
};

}  // namespace kvcompare
