#include "common/run/shard.h"

#include <charconv>

namespace kvcompare {
namespace {

std::optional<std::int64_t> count_from_one(std::string_view text) {
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || end != text.data() + text.size() || count < 1) return std::nullopt;
  return count;
}

}  // namespace

std::optional<Shard> parse_shard(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto number = count_from_one(text.substr(0, slash)), n = count_from_one(text.substr(slash + 1));
  if (!number || !n || *number > *n) return std::nullopt;
  return Shard{*number, *n};
}

std::string to_string(const Shard& shard) {
  return std::to_string(shard.number) + "/" + std::to_string(shard.n);
}

bool holds(const std::optional<Shard>& shard, SampleIndex sample) {
  return !shard || sample.value % shard->n == shard->number - 1;
}

std::int64_t n_samples_of(const std::optional<Shard>& shard, std::int64_t n_samples) {
  return shard ? (n_samples - shard->number + shard->n) / shard->n : n_samples;
}

}  // namespace kvcompare
