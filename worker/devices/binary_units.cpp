#include "worker/devices/binary_units.h"

#include <iomanip>
#include <sstream>

namespace kvcompare {

std::string in_binary_units(std::int64_t bytes) {
  const bool is_small = bytes < 1 << 20;
  std::ostringstream text;
  text << std::fixed << std::setprecision(1) << static_cast<double>(bytes) / (is_small ? 1 << 10 : 1 << 20)
       << (is_small ? "KiB" : "MiB");
  return text.str();
}

}  // namespace kvcompare
