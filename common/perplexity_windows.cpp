#include "common/perplexity_windows.h"

#include <charconv>
#include <limits>
#include <system_error>

namespace kvcompare {
namespace {

std::optional<std::int64_t> parse_count(std::string_view text) {
  std::int64_t value = 0;
  const auto* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || rest != end || value < 1 || value > std::numeric_limits<std::int32_t>::max())
    return std::nullopt;
  return value;
}

}  // namespace

std::optional<PerplexityWindows> parse_windows(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto n_tokens = parse_count(text.substr(0, colon)), stride = parse_count(text.substr(colon + 1));
  if (!n_tokens || !stride || *n_tokens < 2 || *stride > *n_tokens) return std::nullopt;
  return PerplexityWindows{*n_tokens, *stride};
}

std::string to_string(const PerplexityWindows& windows) {
  return std::to_string(windows.n_tokens) + ":" + std::to_string(windows.stride);
}

}  // namespace kvcompare
