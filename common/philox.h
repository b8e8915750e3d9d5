// Philox4x32-10: random words from a counter, so that each one depends on its key and its place alone.
// Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
#pragma once

#include <cstdint>

namespace kvcompare {

// The first of the four words for a 64-bit key and the 128-bit counter (high << 64) + low.
constexpr std::uint32_t philox_word(std::uint64_t key, std::uint64_t high, std::uint64_t low) {
  constexpr std::uint64_t kMultiplier0 = 0xD2511F53, kMultiplier1 = 0xCD9E8D57;
  constexpr std::uint32_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;
  auto c0 = static_cast<std::uint32_t>(low), c1 = static_cast<std::uint32_t>(low >> 32);
  auto c2 = static_cast<std::uint32_t>(high), c3 = static_cast<std::uint32_t>(high >> 32);
  auto k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = kMultiplier0 * c0, product1 = kMultiplier1 * c2;
    c0 = static_cast<std::uint32_t>(product1 >> 32) ^ c1 ^ k0;
    c1 = static_cast<std::uint32_t>(product1);
    c2 = static_cast<std::uint32_t>(product0 >> 32) ^ c3 ^ k1;
    c3 = static_cast<std::uint32_t>(product0);
    k0 += kWeyl0;
    k1 += kWeyl1;
  }
  return c0;
}

// Its upper 24 bits as a number in [0, 1).
constexpr double philox_uniform(std::uint64_t key, std::uint64_t high, std::uint64_t low) {
  return (philox_word(key, high, low) >> 8) * 0x1p-24;
}

}  // namespace kvcompare
