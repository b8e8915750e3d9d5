#include "worker/gpu/memory_part.h"

#include <array>
#include <cstdio>
#include <numeric>

namespace kvcompare {
std::string gibibytes(std::int64_t bytes) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f", static_cast<double>(bytes) / static_cast<double>(kGiB));
  return text.data();
}

std::int64_t total(std::span<const MemoryPart> parts) {
  return std::accumulate(parts.begin(), parts.end(), std::int64_t{0},
                         [](std::int64_t sum, const MemoryPart& part) { return sum + part.bytes; });
}

std::string text_of(std::span<const MemoryPart> parts) {
  std::string large;
  for (const auto& part : parts)
    if (part.bytes * 20 >= kGiB)
      large += (large.empty() ? "" : ", ") + part.name + " " + gibibytes(part.bytes);
  return gibibytes(total(parts)) + " GiB" + (large.empty() ? "" : " (" + large + ")");
}

}  // namespace kvcompare
