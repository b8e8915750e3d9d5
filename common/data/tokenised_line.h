// A line of the data set as tokens, before it is cut into samples.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/data/data_place.h"
#include "common/data/encoded_text.h"
#include "common/data/jsonl_record.h"
#include "common/data/sample.h"

namespace kvcompare {

struct TokenisedLine {
  std::vector<TokenId> ids;
  std::optional<std::vector<TokenRange>>
      scored;  // ascending, apart, none of token 0; absent: the line names none
  std::vector<std::vector<TokenRange>> evidence;  // as in Sample
  std::optional<std::int64_t> n_context;          // tokens
  std::optional<std::string> text;                // all parts; absent: the line held ids
  std::vector<Range> bytes{};  // [n_tokens] of the text, as in EncodedText; empty without text
  // The text begins with the tokens that the tokenizer puts before a text, so that the ids hold them twice.
  bool begins_twice = false;
};

// Parts are tokenised apart and joined; the tokenizer's special tokens come with the first. Where a line does
// not say how long its context is, the context is what comes before the first part that is scored.
//
// A range of characters becomes the tokens that stand for one of them at least. A token that two ranges share
// belongs to the first. A range that no token stands for disappears, and a scored one takes its own evidence
// with it.
//
// Throws ConfigError("data_path") if there is text and `encode` is null.
TokenisedLine tokenised(JsonlRecord record, const Encode& encode, const DataPlace& place);

}  // namespace kvcompare
