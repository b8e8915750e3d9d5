// What the demo model is trained on, in order: easy and short first, then longer and harder. Recall is
// learned suddenly or not at all. Lists whose items follow each other directly, in 128 tokens, teach it
// within 3M to 4M tokens (the answers' NLL falls from 5 to 0.5), and then facts take half a million more.
// With commas between the items, 256 tokens, and embeddings that began at size 0.02, nothing had moved after
// 8M.
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
