// The "pre_tokenizer" of tokenizer.json: Sequence, Split, ByteLevel, Digits, Metaspace. It cuts a text into
// the pieces that the model sees one by one, and may rewrite them on the way.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/tokenizer/normalizer.h"
#include "common/tokenizer/pattern.h"
#include "common/tokenizer/split_behavior.h"

namespace kvcompare {

class JsonNode;

// Consecutive pieces of one buffer. No piece is empty.
struct Pieces {
  std::string text;
  std::vector<Span> spans;     // ascending; there may be gaps between them
  std::size_t head_bytes = 0;  // as in NormalizedText, for `text`
  Origins origins{};           // of each byte of `text`; empty if nobody asked

  std::string_view piece(const Span& span) const {
    return std::string_view(text).substr(span.begin, span.end - span.begin);
  }
};

// Digits is a Split too, at numbers (\p{N}).
struct Split {
  Pattern pattern;
  SplitBehavior behavior;
  Delimiters delimiters;
};

// Replaces bytes by printable characters (GPT-2's table).
struct ByteLevel {
  bool add_prefix_space;
  std::vector<Split> words;  // GPT-2's word pattern; none with "use_regex": false
};

enum class PrependScheme { kAlways, kFirst, kNever };

// Replaces spaces by `replacement`; with `split` it also cuts the text before each of them.
struct Metaspace {
  std::string replacement;  // one character
  PrependScheme prepend;
  bool split;
};

class PreTokenizer {
 public:
  // Throws CheckpointError naming a type or key that is not supported.
  static PreTokenizer from_json(const JsonNode& node);

  PreTokenizer() = default;  // the whole text is one piece
  Pieces apply(NormalizedText input, MatchWorkspace& workspace) const;

 private:
  using Step = std::variant<Split, ByteLevel, Metaspace>;
  void add_from_json(const JsonNode& node);

  std::vector<Step> steps_;  // in order; a Sequence is flattened into its steps
};

}  // namespace kvcompare
