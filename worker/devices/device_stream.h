// Streams and events for any device. On the CPU there is one stream, a call returns when its work is done,
// and an event has always happened.
#pragma once

#include <c10/core/Device.h>
#include <c10/core/Event.h>
#include <c10/core/Stream.h>

namespace kvcompare {

// Returns a new stream, as long as the device has some left (libtorch has 32 for each GPU).
c10::Stream new_stream(const c10::Device& device);

class StreamEvent {
 public:
  explicit StreamEvent(const c10::Device& device) : is_on_cpu_(device.is_cpu()), event_(device.type()) {}

  // The event happens when everything that is now queued on the stream is done. Replaces an earlier
  // recording.
  void record(const c10::Stream& stream) {
    if (!is_on_cpu_) event_.record(stream);
  }

  // Makes the stream wait: work queued on it from now on begins when the event has happened. An event that
  // was never recorded counts as having happened.
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
