// The sentences that all documents of the demo consist of: facts, questions about them, and filler in which
// there is nothing to remember.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "common/random_source.h"
#include "demo/document.h"
#include "demo/words.h"

namespace kvcompare::demo {

// How a fact is told, NAME + told + VALUE, and asked for, question[0] + NAME + question[1].
struct Relation {
  Words (*values)();
  std::string_view told;
  std::array<std::string_view, 2> question;
};

inline constexpr std::array<Relation, 7> kRelations = {{
    {cities, " lives in", {" Where does", " live?"}},
    {jobs, " is the", {" What is", " by trade?"}},
    {animals, " feeds the", {" What does", " feed?"}},
    {foods, " likes", {" What does", " like?"}},
    {colours, " wears", {" What does", " wear?"}},
    {instruments, " plays the", {" What does", " play?"}},
    {things, " lost the", {" What did", " lose?"}},
}};

struct NamedFact {
  std::string_view name;
  const Relation* relation;
  std::string_view value;
};

// Appends sentences to a document. The base of what writes whole documents.
class SentenceWriter {
 protected:
  explicit SentenceWriter(RandomSource random) : random_(random) {}

  // Appends the pieces of a text: its words, each with the space before it, and its punctuation marks.
  void words(std::string_view text);
  void word(std::string_view text) { document_.push_back({with_space(text), false}); }
  void answer(std::string_view text) { document_.push_back({with_space(text), true}); }
  void mark(std::string_view text) { document_.push_back({std::string(text), false}); }

  // A sentence with nothing to remember. It names somebody with the probability `named`.
  void filler(double named);

  // "Where does Mira live?"
  void question(const NamedFact& fact);
  // "Mira lives in", the fact without its value.
  void stem(const NamedFact& fact);

  RandomSource random_;
  Document document_;

 private:
  static std::string with_space(std::string_view word);
  void someone(std::string_view article);
  void someone_named() { word(random_.pick(names())); }
};

}  // namespace kvcompare::demo
