#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kvcompare {

// A long text is cut into windows of n_tokens tokens that begin `stride` tokens apart. Each scores the tokens
// that no window before it scored: the first all but its first token, the others their last `stride` at most.
// n_tokens >= 2, 1 <= stride <= n_tokens.
// Source: Hugging Face transformers, "Perplexity of fixed-length models".
struct PerplexityWindows {
  std::int64_t n_tokens = 0;
  std::int64_t stride = 0;
  friend bool operator==(const PerplexityWindows&, const PerplexityWindows&) = default;
};

// "2048:512". Absent if the text is not of this form, or if 2 <= W and 1 <= S <= W do not hold.
std::optional<PerplexityWindows> parse_windows(std::string_view text);
std::string to_string(const PerplexityWindows& windows);

}  // namespace kvcompare
