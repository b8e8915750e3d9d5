#include "worker/devices/device_stream.h"

#include <c10/core/impl/VirtualGuardImpl.h>

namespace kvcompare {

c10::Stream new_stream(const c10::Device& device) {
  if (device.is_cpu()) return c10::Stream(c10::Stream::DEFAULT, device);
  return c10::impl::VirtualGuardImpl(device.type()).getStreamFromGlobalPool(device);
}

}  // namespace kvcompare
