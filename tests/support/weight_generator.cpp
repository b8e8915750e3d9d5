#include "tests/support/weight_generator.h"

#include <bit>
#include <cmath>
#include <span>
#include <stdexcept>

#include "tests/support/safetensors_writer.h"

namespace kvcompare {
namespace {

// `bits` without its `n` low bits, rounded to nearest even.
std::uint32_t round_off(std::uint32_t bits, int n) {
  const std::uint32_t half = (1u << (n - 1)) - 1 + ((bits >> n) & 1u);
  return (bits + half) >> n;
}

std::uint16_t to_bf16(float value) {
  return static_cast<std::uint16_t>(round_off(std::bit_cast<std::uint32_t>(value), 16));
}

// Magnitudes below 2^-14 (subnormal in F16) become 0: a weight that small is as good as none.
std::uint16_t to_f16(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 16) & 0x8000u;
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude >= std::bit_cast<std::uint32_t>(65504.0f)) throw std::range_error("too large for F16");
  if (magnitude < std::bit_cast<std::uint32_t>(0x1p-14f)) return static_cast<std::uint16_t>(sign);
  return static_cast<std::uint16_t>(sign | round_off(magnitude - (112u << 23), 13));
}

}  // namespace

std::string tag_of(Storage storage) {
  return storage == Storage::kF32 ? "F32" : storage == Storage::kBF16 ? "BF16" : "F16";
}

WeightGenerator::WeightGenerator(std::uint64_t seed, std::string_view name) : state_(fnv1a64(name)) {
  state_ ^= seed * 0x9e3779b97f4a7c15u;
}

// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
std::uint64_t WeightGenerator::next_integer() {
  std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

double WeightGenerator::next_normal() {
  std::uint64_t sum = 0;  // of twelve 32-bit integers
  for (int i = 0; i < 6; ++i) {
    const std::uint64_t pair = next_integer();
    sum += (pair >> 32) + (pair & 0xffffffffu);
  }
  return static_cast<double>(sum) * 0x1p-32 - 6.0;
}

std::vector<float> draw(WeightGenerator& generator, Distribution distribution, std::int64_t n) {
  std::vector<float> values(static_cast<std::size_t>(n));
  for (float& value : values) {
    const float deviation = static_cast<float>(distribution.scale * generator.next_normal());
    value = distribution.mean + deviation;
  }
  return values;
}

std::string stored(const std::vector<float>& values, Storage storage) {
  if (storage == Storage::kF32) return bytes_of(std::span<const float>(values));
  std::vector<std::uint16_t> halves;
  halves.reserve(values.size());
  for (const float value : values)
    halves.push_back(storage == Storage::kBF16 ? to_bf16(value) : to_f16(value));
  return bytes_of(std::span<const std::uint16_t>(halves));
}

std::uint64_t fnv1a64(std::string_view bytes, std::uint64_t start) {
  std::uint64_t hash = start;
  for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3u;
  return hash;
}

}  // namespace kvcompare
