// The "added_tokens" of tokenizer.json: texts that become one id before anything else looks at them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/tokenizer/normalizer.h"
#include "common/tokenizer/regex.h"

namespace kvcompare {

class Bpe;
class JsonNode;

struct AddedToken {
  std::uint32_t id;
  std::string content;
  bool single_word;  // only where no word character touches it
  bool lstrip;       // takes the white space before it along
  bool rstrip;       // takes the white space behind it along
};

// A part of a text: an added token, or text in between (no id).
struct Segment {
  Span span;
  std::optional<std::uint32_t> id;
};

// Finds tokens in a text, the leftmost first and of those the longest. O(text × longest token).
class AddedTokenMatcher {
 public:
  explicit AddedTokenMatcher(std::vector<AddedToken> tokens);

  // Parts in order. As in Hugging Face, a token whose rstrip reaches over the next token leaves that one in
  // place, so spans may overlap there.
  std::vector<Segment> find_all(std::string_view text, MatchWorkspace& workspace) const;

 private:
  struct Node {
    std::vector<std::pair<char, std::size_t>> children;
    std::optional<std::size_t> token;
  };
  struct Found {
    std::size_t token;
    std::size_t end;
  };
  void add_to_trie(std::size_t token);
  std::optional<Found> longest_at(std::string_view text, std::size_t at) const;
  bool stands_alone(std::string_view text, const Span& span, MatchWorkspace& workspace) const;

  std::vector<AddedToken> tokens_;
  std::vector<Node> trie_;  // [0] is the root
  std::array<bool, 256> may_start_{};
  Regex word_character_;
};

class AddedTokens {
 public:
  // Ids must be those that Hugging Face would give: of the vocabulary for a token in it, else the next free
  // one; anything else is a CheckpointError.
  static AddedTokens from_json(const JsonNode& node, const Bpe& model, const Normalizer& normalizer,
                               MatchWorkspace& workspace);
  AddedTokens();

  const AddedTokenMatcher& raw() const { return raw_; }                // looked for in the text as it came
  const AddedTokenMatcher& normalized() const { return normalized_; }  // looked for behind the normalizer
  std::optional<std::uint32_t> largest_id() const { return largest_id_; }

 private:
  AddedTokens(std::vector<AddedToken> raw, std::vector<AddedToken> normalized);

  AddedTokenMatcher raw_;
  AddedTokenMatcher normalized_;
  std::optional<std::uint32_t> largest_id_;
};

}  // namespace kvcompare
