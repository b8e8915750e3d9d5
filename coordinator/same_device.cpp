#include "coordinator/same_device.h"

#include "common/errors.h"

namespace kvcompare {

void check_same_device_type(Rank from, const Hello& hello, const std::string& device_type) {
  if (hello.device.starts_with(device_type)) return;
  throw ConfigError("device", "worker " + std::to_string(from.value) + " on " + hello.host + " computes on " +
                                  hello.device + ", the run on " + device_type +
                                  "; all hosts are to have GPUs, or none is to use them (--device cpu)");
}

}  // namespace kvcompare
