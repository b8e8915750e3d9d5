// The "added_tokens" of tokenizer.json: texts that become one id each before any other part of the tokenizer
// sees them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
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
  bool single_word;  // matches only where no word character is next to it
  bool lstrip;       // includes the white space before it
  bool rstrip;       // includes the white space after it
};

// A part of a text: an added token, or the text between two of them, which has no id.
struct Segment {
  Span span;
  std::optional<std::uint32_t> id;
};

// Finds added tokens in a text: the leftmost first, and of those at the same place the longest. O(text ×
// longest token).
class AddedTokenMatcher {
 public:
  explicit AddedTokenMatcher(std::vector<AddedToken> tokens);

  // Returns the parts in order. As in Hugging Face, a token whose rstrip reaches over the next token leaves
  // that token in place, so spans may overlap there.
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
  // The ids must be those that Hugging Face would give: a token of the vocabulary has its id there, any other
  // token the next free id. Throws CheckpointError otherwise.
  static AddedTokens from_json(const JsonNode& node, const Bpe& model, const Normalizer& normalizer,
                               MatchWorkspace& workspace);
  AddedTokens();

  const AddedTokenMatcher& raw() const { return raw_; }                // found before normalizing
  const AddedTokenMatcher& normalized() const { return normalized_; }  // found after normalizing
  std::optional<std::uint32_t> largest_id() const { return largest_id_; }
  std::optional<std::uint32_t> id_of(std::string_view content) const;  // before normalizing

 private:
  AddedTokens(std::vector<AddedToken> raw, std::vector<AddedToken> normalized);

  AddedTokenMatcher raw_;
  AddedTokenMatcher normalized_;
  std::optional<std::uint32_t> largest_id_;
  std::unordered_map<std::string, std::uint32_t> ids_;  // by content
};

}  // namespace kvcompare
