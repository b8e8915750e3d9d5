// Documents in which a long memory pays: facts are stated early and asked for late, between sentences that
// say nothing about them. All of it is drawn from the word lists of words.h; every document is a function of
// (seed, index, shape) alone.
//
//   facts     "Mira lives in Oslo." ... "Where does Mira live? Mira lives in Oslo."
//   numbers   "Box 17 holds 38 coins." ... "Box 17 now holds 52 coins." ... asked for: the latest
//   lists     "The list of Otto: drum lamp rope." ... "Again the list of Otto: drum lamp rope."
//   copies    a whole passage, " Once more from the start:", a new line, and the same passage
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace kvcompare::demo {

// What a document is made of. Shares are probabilities in [0, 1].
struct DocumentShape {
  int n_words = 1024;          // about so many words and punctuation marks: tokens of the demo's tokenizer
  int relations_per_name = 3;  // facts told about one name at most, 1 to 7
  double filler = 0.5;         // share of the sentences that say nothing to remember
  double named_filler = 0.1;   // share of those that name somebody all the same
  double lists = 0.15;         // share of what is told that is a list
  double numbers = 0.2;        // share that is a number in a box
  double updates = 0.15;       // share of told numbers that replace an earlier one
  double copies = 0.1;         // probability that the document is a passage told twice
  double telling = 0.45;  // fraction of the document in which facts are told; in the rest they are asked for
};

// A word with the space before it, or a punctuation mark. An answer is a piece that only memory of the
// document can tell.
struct Piece {
  std::string text;
  bool is_answer = false;
};

using Document = std::vector<Piece>;

// At least n_words pieces, ending with a sentence.
Document make_document(const DocumentShape& shape, std::uint64_t seed, std::uint64_t index);

std::string text_of(const Document& document);

}  // namespace kvcompare::demo
