// The vocabulary of the corpus. Every word is meant to become one token of the demo's tokenizer.
#pragma once

#include <span>
#include <string_view>

namespace kvcompare::demo {

using Words = std::span<const std::string_view>;

// What facts are about, and what they bind to it.
Words names();
Words cities();
Words jobs();
Words animals();
Words foods();
Words colours();
Words instruments();
Words things();  // the items of lists too

// What the sentences between the facts are made of.
Words adjectives();
Words people();     // "miller", as in "the old miller"
Words verbs();      // past tense, without an object: "waited"
Words handlings();  // past tense, with an object: "carried"
Words adverbs();
Words places();    // with preposition and article: "by the river"
Words times();     // "before noon"
Words openings();  // of a sentence: "Later"

}  // namespace kvcompare::demo
