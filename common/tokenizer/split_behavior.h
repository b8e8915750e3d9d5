// What Split does with the delimiters at which it cuts a text: the "behavior" of Split.
#pragma once

#include <span>
#include <vector>

#include "common/tokenizer/regex.h"

namespace kvcompare {

class JsonNode;

// "the-final--countdown" split at "-":
enum class SplitBehavior {
  kRemoved,             // the|final|countdown
  kIsolated,            // the|-|final|-|-|countdown
  kMergedWithPrevious,  // the-|final-|-|countdown
  kMergedWithNext,      // the|-final|-|-countdown
  kContiguous,          // the|-|final|--|countdown
};

SplitBehavior split_behavior_from_json(const JsonNode& node);

enum class Delimiters { kMatches, kGaps };  // kGaps ("invert"): the text between matches is the delimiter

// Cuts [0, text_bytes) at the matches, and leaves out empty pieces.
std::vector<Span> split_at(std::span<const Span> matches, std::size_t text_bytes, Delimiters delimiters,
                           SplitBehavior behavior);

}  // namespace kvcompare
