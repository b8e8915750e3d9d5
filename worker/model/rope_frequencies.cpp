#include "worker/model/rope_frequencies.h"

#include <cmath>
#include <numbers>

#include <ATen/ops/empty.h>

namespace kvcompare {
namespace {

// Short waves stay, long ones are stretched by `factor`, those between are blended.
double stretched_as_llama3(double frequency, const RopeConfig& rope) {
  const auto trained = static_cast<double>(rope.original_max_position_embeddings);
  const double wavelength = 2 * std::numbers::pi / frequency;
  if (wavelength > trained / rope.low_freq_factor) return frequency / rope.factor;
  if (wavelength < trained / rope.high_freq_factor) return frequency;
  const double smooth =
      (trained / wavelength - rope.low_freq_factor) / (rope.high_freq_factor - rope.low_freq_factor);
  return (1 - smooth) * frequency / rope.factor + smooth * frequency;
}

double scaled(double frequency, const RopeConfig& rope) {
  switch (rope.type) {
    case RopeConfig::Type::kLinear:
      return frequency / rope.factor;
    case RopeConfig::Type::kLlama3:
      return stretched_as_llama3(frequency, rope);
    case RopeConfig::Type::kDefault:
      break;
  }
  return frequency;
}

}  // namespace

at::Tensor inverse_frequencies(const RopeConfig& rope, std::int64_t head_dim) {
  auto result = at::empty({head_dim / 2}, at::kDouble);
  auto frequency = result.accessor<double, 1>();
  for (std::int64_t pair = 0; pair < head_dim / 2; ++pair) {
    const double exponent = 2.0 * static_cast<double>(pair) / static_cast<double>(head_dim);
    frequency[pair] = scaled(std::pow(rope.theta, -exponent), rope);
  }
  return result;
}

}  // namespace kvcompare
