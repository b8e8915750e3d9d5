// How much text the scored tokens of a sample stand for: what bits per byte and word perplexity divide by.
#pragma once

#include <span>
#include <string_view>

#include "common/data/sample.h"

namespace kvcompare {

// Of the characters that the scored tokens stand for, each counted once. Words are counted in every stretch
// of characters without a gap; a word of which only a part is scored counts.
//   bytes : [n_tokens], of each token; as in EncodedText
TextSize size_of_scored_text(std::string_view text, std::span<const Range> bytes, ScoredTokens scored);

}  // namespace kvcompare
