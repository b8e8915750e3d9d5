// The stages in which the demo model is trained: easy and short documents first, then longer and harder ones.
// A model learns to recall either suddenly or not at all. Lists of 128 tokens whose items follow each other
// directly teach it within 3M to 4M tokens (the NLL of the answers falls from 5 to 0.5), and facts then take
// half a million tokens more. An earlier attempt used commas between the items, 256 tokens, and embeddings of
// initial size 0.02. It had learned nothing after 8M tokens.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "demo/corpus.h"

namespace kvcompare::demo {

struct Stage {
  std::string name;
  std::int64_t n_steps;
  std::int64_t n_rows;    // documents per step
  std::int64_t n_tokens;  // tokens of each document
  // With this probability the positions of a step have gaps, at two places, as if the document were up to
  // max_gap tokens longer. So the model learns the distances of long documents for the price of short ones
  // (PoSE, arXiv 2309.10400).
  double gap_probability;
  std::int64_t max_gap;
  DocumentShape shape;  // its n_words is not used
};

std::vector<Stage> curriculum();

}  // namespace kvcompare::demo
