#include "worker/model/channel_order.h"

namespace kvcompare {

std::int64_t turning_channels(const RopeConfig& rope, std::int64_t head_dim) {
  if (rope.type == RopeConfig::Type::kNone) return 0;
  return rope.n_turning == 0 ? head_dim : rope.n_turning;
}

std::vector<std::int64_t> stored_channels(const RopeConfig& rope, std::int64_t head_dim) {
  const auto n_channels = turning_channels(rope, head_dim), half = head_dim / 2, n_pairs = n_channels / 2;
  if (n_channels == 0 || (n_channels == head_dim && !rope.is_interleaved)) return {};
  std::vector<std::int64_t> channels(static_cast<std::size_t>(head_dim));
  for (std::int64_t pair = 0; pair < half; ++pair) {
    auto& first = channels[static_cast<std::size_t>(pair)];
    auto& second = channels[static_cast<std::size_t>(pair + half)];
    const auto behind = pair - n_pairs;  // among the pairs that do not turn
    if (behind >= 0) {
      first = n_channels + behind;
      second = n_channels + (half - n_pairs) + behind;
    } else {
      first = rope.is_interleaved ? 2 * pair : pair;
      second = rope.is_interleaved ? 2 * pair + 1 : pair + n_pairs;
    }
  }
  return channels;
}

}  // namespace kvcompare
