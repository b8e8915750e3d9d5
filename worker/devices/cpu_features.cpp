#include "worker/devices/cpu_features.h"

#include <fstream>
#include <iterator>

namespace kvcompare {

std::string read_cpuinfo() {
  std::ifstream file("/proc/cpuinfo");
  return {std::istreambuf_iterator<char>(file), {}};
}

bool has_cpu_flag(std::string_view cpuinfo, std::string_view flag) {
  const auto line = cpuinfo.find("\nflags\t");
  if (line == std::string_view::npos) return false;
  auto flags = cpuinfo.substr(line + 1);
  flags = flags.substr(0, flags.find('\n'));
  for (auto at = flags.find(flag); at != std::string_view::npos; at = flags.find(flag, at + 1)) {
    const auto end = at + flag.size();
    if (flags[at - 1] == ' ' && (end == flags.size() || flags[end] == ' ')) return true;
  }
  return false;
}

}  // namespace kvcompare
