// A text as tokens, and what of the text each token stands for.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "common/ids.h"
#include "common/range.h"

namespace kvcompare {

// Whether the tokenizer adds its special tokens. Special tokens that stand in the text are recognised in
// either case.
enum class SpecialTokens { kAdd, kOmit };

struct EncodedText {
  std::vector<TokenId> ids;
  // Of each token: the bytes of the text that it stands for, from the begin of a character to the end of one.
  // Empty for a special token that the text does not hold. Tokens that share a character have equal or
  // overlapping ranges.
  std::vector<Range> bytes;
};

using Encode = std::function<EncodedText(std::string_view text, SpecialTokens special)>;

}  // namespace kvcompare
