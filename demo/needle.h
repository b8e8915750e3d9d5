// Needles in haystacks: a text of filler with one fact in it, and a question about this fact at the end. A
// needle depends only on (seed, index, shape).
//
//   relation   "Mira lives in Oslo." ... "Where does Mira live? Mira lives in" "Oslo"
//   number     "The secret number of Mira is 7421." ... "What is the secret number of Mira? The secret number
//              of Mira is" "7421"
//
// The demo's model knows relations. A model of natural language knows both.
#pragma once

#include <cstdint>
#include <string>

#include "common/range.h"

namespace kvcompare::demo {

enum class NeedleKind { kRelation, kNumber };

struct NeedleShape {
  NeedleKind kind = NeedleKind::kRelation;
  int n_words = 1000;  // about how many words and punctuation marks stand before the question
  double depth = 0.5;  // share of them that stands before the fact, in [0, 1]
  int n_others = 0;    // facts about others that are told too, at random places
};

struct Needle {
  std::string context;   // filler, fact, filler
  std::string question;  // with the beginning of the answer's sentence
  std::string answer;    // a space and the value
  Range evidence;        // characters of the context: the sentence that tells the fact
};

Needle make_needle(const NeedleShape& shape, std::uint64_t seed, std::uint64_t index);

}  // namespace kvcompare::demo
