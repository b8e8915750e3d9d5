// The "normalizer" of tokenizer.json: Sequence, NFC, NFD, NFKC, NFKD, Prepend, Replace, Strip, Lowercase.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/tokenizer/pattern.h"
#include "common/tokenizer/unicode_form.h"

namespace kvcompare {

class JsonNode;

// A stretch of text on its way to the model.
//   head_bytes : leading bytes that stand for the first character of the input; 0 if the stretch starts
//   later.
//                Metaspace's prepend_scheme "first" asks for it.
struct NormalizedText {
  std::string text;
  std::size_t head_bytes = 0;
};

struct UnicodeNormalizer {
  UnicodeForm form;
};
struct Prepend {  // nothing is put before an empty text
  std::string text;
};
struct Replace {
  Pattern pattern;
  std::string content;  // literal: $1 means nothing
};
struct Strip {  // White_Space
  bool left;
  bool right;
};
struct Lowercase {};  // character by character, without the final-sigma rule

class Normalizer {
 public:
  // Throws CheckpointError naming a type or key that is not supported.
  static Normalizer from_json(const JsonNode& node);

  Normalizer() = default;  // leaves the text as it is
  NormalizedText apply(NormalizedText input, MatchWorkspace& workspace) const;

 private:
  using Step = std::variant<UnicodeNormalizer, Prepend, Replace, Strip, Lowercase>;
  void add_from_json(const JsonNode& node);

  std::vector<Step> steps_;  // in order; a Sequence is flattened
};

// Replaces the given matches; head_bytes follows.
NormalizedText replace_matches(const NormalizedText& input, const std::vector<Span>& matches,
                               std::string_view content);

}  // namespace kvcompare
