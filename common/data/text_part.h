#pragma once

#include <string>

namespace kvcompare {

// A part of the text of a line: a prompt or a completion.
struct TextPart {
  std::string text;
  bool is_scored = false;  // whether the prediction of its tokens counts
};

}  // namespace kvcompare
