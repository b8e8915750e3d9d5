// From token ids back to text, token by token, for people who look at them.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/ids.h"

namespace kvcompare {

// What each token adds to a text, by tokenizer.json: its vocabulary, its added tokens and its "decoder". Of
// decoders ByteLevel, ByteFallback, Metaspace, Replace of a text, and Sequence of these count. Fuse and Strip
// concern a whole text, and are left out; so is any other decoder: a token then stands as the vocabulary
// writes it.
//
// The bytes of the tokens of a text, one after the other, are the text up to what the tokenizer's normalizer
// changed, with special tokens spelled out. A token may be a part of a character.
class TokenBytes {
 public:
  // Reads FOLDER/tokenizer.json, or the file itself. Throws CheckpointError naming file and key.
  static TokenBytes load(const std::filesystem::path& folder_or_file);

  // Absent if the tokenizer has no such token.
  std::optional<std::string_view> of(TokenId id) const;

 private:
  std::vector<std::optional<std::string>> bytes_;  // [id]
};

}  // namespace kvcompare
