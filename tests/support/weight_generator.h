// Makes pseudo-random weights whose bytes are the same on every machine. It uses only integers, exact sums
// and correctly rounded operations, and no libm.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kvcompare {

enum class Storage { kF32, kBF16, kF16 };

std::string tag_of(Storage storage);  // as in a safetensors header: "F32", ...

// A stream of numbers of about normal distribution (mean 0, variance 1, |z| <= 6), chosen by seed and name.
class WeightGenerator {
 public:
  WeightGenerator(std::uint64_t seed, std::string_view name);

  std::uint64_t next_integer();  // uniform
  double next_normal();          // Irwin-Hall: the sum of twelve uniform numbers, minus 6

 private:
  std::uint64_t state_;
};

// n numbers mean + scale * z.
struct Distribution {
  float mean = 0;
  double scale = 1;
};
std::vector<float> draw(WeightGenerator& generator, Distribution distribution, std::int64_t n);

// Little-endian bytes in that format, rounded to nearest even. Throws where a value does not fit.
std::string stored(const std::vector<float>& values, Storage storage);

std::uint64_t fnv1a64(std::string_view bytes, std::uint64_t start = 0xcbf29ce484222325u);

}  // namespace kvcompare
