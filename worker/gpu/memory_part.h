// A part of the memory of a unit on a GPU, by the name that the memory plan gives it.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace kvcompare {

inline constexpr std::int64_t kGiB = std::int64_t{1} << 30;

struct MemoryPart {
  std::string name;
  std::int64_t bytes = 0;
};

std::int64_t total(std::span<const MemoryPart> parts);

std::string gibibytes(std::int64_t bytes);  // "2.5"

// "2.5 GiB (residual stream 0.2, ...)", parts below 0.05 GiB left out.
std::string text_of(std::span<const MemoryPart> parts);

}  // namespace kvcompare
