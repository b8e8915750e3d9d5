// Remembers the tokens of short words, because natural text repeats words.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace kvcompare {

// Direct-mapped and of fixed size (about 2.5 MB): a new word replaces the word that had its place.
class WordCache {
 public:
  WordCache();

  // The result is valid until the next insert.
  std::optional<std::span<const std::uint32_t>> find(std::string_view word) const;

  // Does nothing for a word of more than 31 bytes or 8 tokens.
  void insert(std::string_view word, std::span<const std::uint32_t> tokens);

 private:
  static constexpr std::size_t kMaxWordBytes = 31;
  static constexpr std::size_t kMaxTokens = 8;
  struct Slot {
    std::uint32_t tokens[kMaxTokens] = {};
    char word[kMaxWordBytes] = {};
    std::uint8_t word_bytes = 0;  // 0: the slot is free
    std::uint8_t n_tokens = 0;
  };

  std::vector<Slot> slots_;
};

}  // namespace kvcompare
