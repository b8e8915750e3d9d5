// What the demo model is trained on, in order: easy and short first, then longer and harder. Recall is learned
// suddenly or not at all. Lists whose items follow each other directly, in 128 tokens, teach it within 2.5M
// tokens (the answers' NLL falls from 5 to 0.5), and then facts take a million tokens more. With commas between
// the items and 256 tokens nothing had moved after 8M tokens.
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
