#include "demo/sentences.h"

#include <cstddef>

namespace kvcompare::demo {

std::string SentenceWriter::with_space(std::string_view word) {
  std::string text(1, ' ');
  text += word;
  return text;
}

void SentenceWriter::words(std::string_view text) {
  std::size_t begin = 0;
  while (begin < text.size()) {
    std::size_t end = begin + 1;
    const auto ends_piece = [](char c) { return c == ' ' || c == ',' || c == '?' || c == ':'; };
    if (!ends_piece(text[begin]) || text[begin] == ' ')
      while (end < text.size() && !ends_piece(text[end])) ++end;
    mark(text.substr(begin, end - begin));
    begin = end;
  }
}

void SentenceWriter::filler(double named) {
  const bool is_named = random_.chance(named);
  if (random_.chance(0.4)) {
    word(random_.pick(openings()));
    is_named ? someone_named() : someone(" the");
  } else {
    is_named ? someone_named() : someone(" The");
  }
  if (random_.chance(0.5)) {
    word(random_.pick(verbs()));
  } else {
    word(random_.pick(handlings()));
    words(" the");
    if (random_.chance(0.4)) word(random_.pick(adjectives()));
    word(random_.pick(things()));
  }
  if (random_.chance(0.3)) word(random_.pick(adverbs()));
  if (random_.chance(0.5)) words(random_.pick(places()));
  if (random_.chance(0.3)) words(random_.pick(times()));
  mark(".");
}

void SentenceWriter::someone(std::string_view article) {
  words(article);
  if (random_.chance(0.6)) word(random_.pick(adjectives()));
  word(random_.pick(people()));
}

void SentenceWriter::question(const NamedFact& fact) {
  words(fact.relation->question[0]);
  word(fact.name);
  words(fact.relation->question[1]);
}

void SentenceWriter::stem(const NamedFact& fact) {
  word(fact.name);
  words(fact.relation->told);
}

}  // namespace kvcompare::demo
