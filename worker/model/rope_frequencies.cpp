#include "worker/model/rope_frequencies.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

#include "worker/model/channel_order.h"

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

// The pair that turns `n_turns` times within the length of training; not a whole number.
double pair_that_turns(double n_turns, const RopeConfig& rope, double n_channels) {
  const auto trained = static_cast<double>(rope.original_max_position_embeddings);
  return n_channels * std::log(trained / (n_turns * 2 * std::numbers::pi)) / (2 * std::log(rope.theta));
}

// Pairs before a ramp keep their frequency, pairs behind it are stretched by `factor`.
double stretched_as_yarn(double frequency, std::int64_t pair, const RopeConfig& rope, double n_channels) {
  double low = pair_that_turns(rope.beta_fast, rope, n_channels);
  double high = pair_that_turns(rope.beta_slow, rope, n_channels);
  if (rope.truncates) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, n_channels - 1);
  if (low == high) high += 0.001;
  const double stretched = std::clamp((static_cast<double>(pair) - low) / (high - low), 0.0, 1.0);
  return frequency / rope.factor * stretched + frequency * (1 - stretched);
}

bool is_long(const RopeConfig& rope, std::int64_t n_tokens) {
  return n_tokens > rope.original_max_position_embeddings;
}

double scaled(double frequency, std::int64_t pair, const RopeConfig& rope, std::int64_t n_channels,
              std::int64_t n_tokens) {
  switch (rope.type) {
    case RopeConfig::Type::kLinear:
      return frequency / rope.factor;
    case RopeConfig::Type::kLlama3:
      return stretched_as_llama3(frequency, rope);
    case RopeConfig::Type::kYarn:
      return stretched_as_yarn(frequency, pair, rope, static_cast<double>(n_channels));
    case RopeConfig::Type::kLongrope:
      return frequency /
             (is_long(rope, n_tokens) ? rope.long_factor : rope.short_factor)[static_cast<std::size_t>(pair)];
    case RopeConfig::Type::kDefault:
    case RopeConfig::Type::kDynamic:  // its theta is scaled
    case RopeConfig::Type::kNone:
      break;
  }
  return frequency;
}

double theta_of(const RopeConfig& rope, std::int64_t n_channels, std::int64_t n_tokens) {
  if (rope.type != RopeConfig::Type::kDynamic) return rope.theta;
  const auto most = static_cast<double>(rope.max_position_embeddings), d = static_cast<double>(n_channels);
  const double length = std::max(static_cast<double>(n_tokens), most);
  return rope.theta * std::pow(rope.factor * length / most - (rope.factor - 1), d / (d - 2));
}

}  // namespace

std::int64_t length_of_rope(const RopeConfig& rope, std::int64_t n_tokens) {
  if (rope.type == RopeConfig::Type::kDynamic) return n_tokens > rope.max_position_embeddings ? n_tokens : 0;
  if (rope.type == RopeConfig::Type::kLongrope)
    return is_long(rope, n_tokens) ? rope.original_max_position_embeddings + 1 : 0;
  return 0;
}

Rope make_rope(const RopeConfig& rope, std::int64_t head_dim, std::int64_t n_tokens) {
  const auto n_channels = turning_channels(rope, head_dim);
  auto frequencies = at::zeros({head_dim / 2}, at::kDouble);
  auto frequency = frequencies.accessor<double, 1>();
  const double theta = theta_of(rope, n_channels, n_tokens);
  for (std::int64_t pair = 0; pair < n_channels / 2; ++pair) {
    const double exponent = 2.0 * static_cast<double>(pair) / static_cast<double>(n_channels);
    frequency[pair] = scaled(std::pow(theta, -exponent), pair, rope, n_channels, n_tokens);
  }
  if (rope.attention_factor == 1) return Rope(frequencies, {}, rope.query_scale);
  auto sizes = at::ones({head_dim / 2}, at::kDouble);
  sizes.narrow(0, 0, n_channels / 2).fill_(rope.attention_factor);
  return Rope(frequencies, sizes, rope.query_scale);
}

}  // namespace kvcompare
