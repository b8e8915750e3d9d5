// The "normalizer" of tokenizer.json: Sequence, NFC, NFD, NFKC, NFKD, Prepend, Replace, Strip, Lowercase.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/tokenizer/origin.h"
#include "common/tokenizer/pattern.h"
#include "common/tokenizer/unicode_form.h"

namespace kvcompare {

class JsonNode;

// A part of a text, between two added tokens.
//   head_bytes : how many of its leading bytes stand for the first character of the input; 0 if the part
//                starts later. Metaspace's prepend_scheme "first" needs to know.
//   origins    : of each byte, what of the input it stands for; empty if nobody asked
struct NormalizedText {
  std::string text;
  std::size_t head_bytes = 0;
  Origins origins{};
};

struct UnicodeNormalizer {
  UnicodeForm form;
};
struct Prepend {  // nothing is prepended to an empty text
  std::string text;
};
struct Replace {
  Pattern pattern;
  std::string content;  // taken literally: $1 has no meaning
};
struct Strip {  // strips characters with the property White_Space
  bool left;
  bool right;
};
struct Lowercase {};  // character by character, without the final-sigma rule

class Normalizer {
 public:
  // Throws CheckpointError naming a type or key that is not supported.
  static Normalizer from_json(const JsonNode& node);

  Normalizer() = default;  // does not change the text
  NormalizedText apply(NormalizedText input, MatchWorkspace& workspace) const;

 private:
  using Step = std::variant<UnicodeNormalizer, Prepend, Replace, Strip, Lowercase>;
  void add_from_json(const JsonNode& node);

  std::vector<Step> steps_;  // in order; a Sequence is flattened into its steps
};

// Replaces the given matches, and adapts head_bytes and origins to the new text. The content stands for all
// that it replaces.
NormalizedText replace_matches(const NormalizedText& input, const std::vector<Span>& matches,
                               std::string_view content);

}  // namespace kvcompare
