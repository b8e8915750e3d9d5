#include "demo/document.h"

#include <cstdint>
#include <iterator>

namespace kvcompare::demo {

std::string text_of(const Document& document) {
  std::string text;
  for (const Piece& piece : document) text += piece.text;
  return text;
}

std::vector<Range> answers_of(const Document& document) {
  std::vector<Range> answers;
  std::int64_t begin = 0;  // every word is ASCII: a byte is a character
  for (const Piece& piece : document) {
    const auto end = begin + std::ssize(piece.text);
    if (piece.is_answer) answers.push_back({begin + (piece.text.starts_with(' ') ? 1 : 0), end});
    begin = end;
  }
  return answers;
}

}  // namespace kvcompare::demo
