// Makes documents in which a long memory pays. Facts are stated early and asked for late, and the sentences
// between say nothing about them. All words come from the lists of words.h. A document depends only on (seed,
// index, shape).
//
//   facts     "Mira lives in Oslo." ... "Where does Mira live? Mira lives in Oslo."
//   numbers   "Box 17 holds 38 coins." ... "Box 17 now holds 52 coins." ... the latest is asked for
//   lists     "The list of Otto: drum lamp rope." ... "Again the list of Otto: drum lamp rope."
//   copies    a whole passage, " Once more from the start:", a new line, and the same passage
#pragma once

#include <cstdint>

#include "demo/document.h"

namespace kvcompare::demo {

// What a document is made of. Shares are probabilities in [0, 1].
struct DocumentShape {
  int n_words = 1024;          // about how many words and punctuation marks, which are the demo tokenizer's
                               // tokens
  int relations_per_name = 3;  // the most facts told about one name, 1 to 7
  double filler = 0.5;         // share of sentences with nothing to remember
  double named_filler = 0.1;   // share of such sentences that name somebody
  double lists = 0.15;         // share of told items that are lists
  double numbers = 0.2;        // share of told items that are numbers in boxes
  double updates = 0.15;       // share of told numbers that replace an earlier one
  double copies = 0.1;         // probability that the document is a passage told twice
  double telling = 0.45;       // facts are told in this fraction of the document and asked for in the rest
};

// Returns at least n_words pieces, ending with a complete sentence.
Document make_document(const DocumentShape& shape, std::uint64_t seed, std::uint64_t index);

}  // namespace kvcompare::demo
