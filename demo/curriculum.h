// What the demo model is trained on, in order: easy and short first, then longer and harder. Associative
// recall is learned suddenly or not at all: with one relation a name and many questions in 256 tokens after
// about a million tokens; from the start at 1024 tokens not within fifty times that.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "demo/corpus.h"

namespace kvcompare::demo {

struct Stage {
  std::string name;
  std::int64_t n_steps;
  std::int64_t n_rows;    // documents in a step
  std::int64_t n_tokens;  // of each
  // With this probability the positions of a step have gaps, at two places, as if the document were up to
  // max_gap tokens longer: distances of long documents for the price of short ones (PoSE, arXiv 2309.10400).
  double gap_probability;
  std::int64_t max_gap;
  DocumentShape shape;  // n_words is not used
};

std::vector<Stage> curriculum();

}  // namespace kvcompare::demo
