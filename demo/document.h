// A document of the demo: the pieces that its text consists of, and which of them are answers.
#pragma once

#include <string>
#include <vector>

#include "common/range.h"

namespace kvcompare::demo {

// A piece of a document: a word with the space before it, or a punctuation mark. An answer is a piece that
// can be predicted only from what the document said before.
struct Piece {
  std::string text;
  bool is_answer = false;
};

using Document = std::vector<Piece>;

std::string text_of(const Document& document);

// Returns the characters of the text that each answer consists of, without the space before it. Ascending.
std::vector<Range> answers_of(const Document& document);

}  // namespace kvcompare::demo
