#include "worker/devices/cached_memory.h"

#include <c10/core/CachingDeviceAllocator.h>

namespace kvcompare {

void give_back_cached_memory(const c10::Device& device) {
  if (!device.is_cpu()) c10::getDeviceAllocator(device.type())->emptyCache();
}

}  // namespace kvcompare
