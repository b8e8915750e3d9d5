#include "common/tokenizer/word_cache.h"

#include <algorithm>
#include <functional>

namespace kvcompare {
namespace {

constexpr std::size_t kSlots = std::size_t{1} << 15;

std::size_t slot_of(std::string_view word) { return std::hash<std::string_view>{}(word) % kSlots; }

}  // namespace

WordCache::WordCache() : slots_(kSlots) {}

std::optional<std::span<const std::uint32_t>> WordCache::find(std::string_view word) const {
  const Slot& slot = slots_[slot_of(word)];
  if (word.empty() || std::string_view(slot.word, slot.word_bytes) != word) return std::nullopt;
  return std::span(slot.tokens, slot.n_tokens);
}

void WordCache::insert(std::string_view word, std::span<const std::uint32_t> tokens) {
  if (word.empty() || word.size() > kMaxWordBytes || tokens.size() > kMaxTokens) return;
  Slot& slot = slots_[slot_of(word)];
  std::copy(word.begin(), word.end(), slot.word);
  std::copy(tokens.begin(), tokens.end(), slot.tokens);
  slot.word_bytes = static_cast<std::uint8_t>(word.size());
  slot.n_tokens = static_cast<std::uint8_t>(tokens.size());
}

}  // namespace kvcompare
