// The words of the corpus. Each is meant to become one token of the demo's tokenizer.
#pragma once

#include <span>
#include <string_view>

namespace kvcompare::demo {

using Words = std::span<const std::string_view>;

// The words that facts are about, and the words that facts connect to them.
Words names();
Words cities();
Words jobs();
Words animals();
Words foods();
Words colours();
Words instruments();
Words things();  // also the items of lists

// The words of the sentences between the facts.
Words adjectives();
Words people();     // "miller", as in "the old miller"
Words verbs();      // past tense, without an object: "waited"
Words handlings();  // past tense, with an object: "carried"
Words adverbs();
Words places();    // with preposition and article: "by the river"
Words times();     // "before noon"
Words openings();  // of a sentence: "Later"

}  // namespace kvcompare::demo
