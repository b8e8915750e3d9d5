// Oniguruma's patterns as PCRE2 patterns. Expected matches were seen with Hugging Face tokenizers 0.23.3.
#include <stdexcept>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/errors.h"
#include "common/tokenizer/oniguruma.h"
#include "common/tokenizer/pattern.h"
#include "tests/support/error_of.h"

namespace kvcompare {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> matches(const std::string& pattern, const std::string& text) {
  MatchWorkspace workspace;
  std::vector<std::string> found;
  for (const Span& span : Pattern::regex(pattern).find_all(text, workspace)) {
    found.push_back(text.substr(span.begin, span.end - span.begin));
  }
  return found;
}

TEST(OnigurumaPattern, RepeatsAnIntervalWithPlusGreedily) {
  EXPECT_THAT(matches("\\p{N}{1,3}+", "1234567 ab 12"), ElementsAre("1234567", "12"));
  EXPECT_THAT(matches("[ab]{2}+", "ababa"), ElementsAre("abab"));
  EXPECT_THAT(matches("(?:ab|c){1,2}+", "abcabcc"), ElementsAre("abcabcc"));
}

// What PCRE2 gives up on is an error of the tokenizer, not "no match".
TEST(OnigurumaPattern, IsAnErrorWhereItBacktracksWithoutEnd) {
  EXPECT_THROW(matches("(a+)+$", std::string(60, 'a') + "b"), MatchError);
}

TEST(OnigurumaPattern, HasPossessiveQuantifiersOfOneCharacter) {
  EXPECT_THAT(matches("a++ab|a?+b|c*+", "aaab"), ElementsAre("", "", "ab"));
}

TEST(OnigurumaPattern, ReadsAnIntervalWithoutLowerBound) {
  EXPECT_THAT(matches("a{,2}b", "aaab"), ElementsAre("aab"));
}

TEST(OnigurumaPattern, FoldsTheLongSAndTheKelvinSign) {
  EXPECT_THAT(matches("(?i:'s|k)", "a'\u017F b'S \u212A s"), ElementsAre("'\u017F", "'S", "\u212A"));
}

TEST(OnigurumaPattern, AnchorsLinesAndTexts) {
  EXPECT_THAT(matches("^a", "a\na"), ElementsAre("a", "a"));
  EXPECT_THAT(matches("a$", "a\na\n"), ElementsAre("a", "a"));
  EXPECT_THAT(matches("\\Aa|b\\z", "a\na\nb\nb"), ElementsAre("a", "b"));
  EXPECT_THAT(matches("a.b", "a\nb a\rb"), ElementsAre("a\rb"));
  EXPECT_THAT(matches("(?m:a.b)", "a\nb"), ElementsAre("a\nb"));
}

TEST(OnigurumaPattern, HasItsOwnEscapes) {
  EXPECT_THAT(matches("\\h+", "xxaf09z"), ElementsAre("af09"));
  EXPECT_THAT(matches("\\v", "a\x0B\nb"), ElementsAre("\x0B"));
  EXPECT_THAT(matches("\\u4e00|\\x{e9}|\\x41", "a一éA"), ElementsAre("一", "é", "A"));
  EXPECT_THAT(matches("\\s", "\u180E\u00A0\u0085"), ElementsAre("\u00A0", "\u0085"));
  EXPECT_THAT(matches("[\\s]", "\u180E\u3000"), ElementsAre("\u3000"));
  EXPECT_THAT(matches("\\S", " \u180E"), ElementsAre("\u180E"));
  EXPECT_THAT(matches("\\w+", "a\u0301_1²\u24D0-b"), ElementsAre("a\u0301_1²\u24D0", "b"));
  EXPECT_THAT(matches("\\p{^L}+", "ab12"), ElementsAre("12"));
}

TEST(OnigurumaPattern, TakesAHyphenAtTheEdgeOfABracketForAHyphen) {
  EXPECT_THAT(matches("[-\\s]", "y- "), ElementsAre("-", " "));
  EXPECT_THAT(matches("[\\p{P}-]", "y-."), ElementsAre("-", "."));
  EXPECT_THAT(matches("[+\\-\\w]", ",-+"), ElementsAre("-", "+"));
}

TEST(OnigurumaPattern, MeansTheScriptNotItsExtensions) {
  EXPECT_THAT(matches("\\p{Han}+", "一、々"), ElementsAre("一", "々"));
}

TEST(OnigurumaPattern, KnowsCharactersOfUnicode16) {
  EXPECT_THAT(matches("\\p{L}", "\U00031350"), ElementsAre("\U00031350"));
  EXPECT_THAT(matches("\\p{N}", "\U000116D0"), ElementsAre("\U000116D0"));
  EXPECT_THAT(matches("[^\\s\\p{L}\\p{N}]", "\U00031350"), ElementsAre());
}

TEST(OnigurumaPattern, CountsNoEmptyMatchRightBehindAMatch) {
  EXPECT_THAT(matches("x*", "axxb"), ElementsAre("", "xx", ""));
}

TEST(OnigurumaPattern, IsRefusedByNameWherePcre2WouldReadItOtherwise) {
  const std::vector<std::pair<const char*, const char*>> refused = {
      {"[a-z&&[^b]]", "intersection"},
      {"[[ab]c]", "nested"},
      {"[[:punct:]]", "POSIX"},
      {"a(?i)b|c", "(?i)"},
      {"(?s:a.b)", "(?s:"},
      {"(?x: a)", "(?x:"},
      {"\\Ka", "\\K"},
      {"\\R", "\\R"},
      {"\\X", "\\X"},
      {"a\\Gb", "\\G"},
      {"(?<n>a)", "(?<n"},
      {"(a)\\1", "\\1"},
      {"(*FAIL)", "callout"},
      {"\\p{N}{3}?", "{n}?"},
      {"\\xe4", "\\x80"},
      {"(?i:ss)", "\"ss\""},
      {"(?i:é)", "non-ASCII"},
      {"(?i:\\p{Lu})", "caseless"},
      {"[]a]", "empty bracket"},
      {"a{x", "{"},
      {"\\p{L", "\\p"},
      {"+a", "quantifier"},
      {"a)", ")"},
      {"[\\W]", "\\W"},
      {"(?~ab)", "(?~"},
      {"a**", "quantifier"},
      {"[+-\\w]", "range"},
      {"[\\s-z]", "range"},
      {"a\\", "a backslash at the end has"},
      {"\\é", "\"\\é\" has"},
  };
  for (const auto& [pattern, said] : refused) {
    try {
      const std::string translated = pcre2_from_oniguruma(pattern);
      ADD_FAILURE() << pattern << " became " << translated;
    } catch (const std::invalid_argument& problem) {
      EXPECT_THAT(problem.what(), HasSubstr(said)) << pattern;
    }
  }
  const std::string nul("\\\0", 2);  // a message would end there
  EXPECT_THAT(error_of<std::invalid_argument>([&] { pcre2_from_oniguruma(nul); }).what(),
              HasSubstr("\"\\\\x00\" has no exact equivalent"));
  EXPECT_THROW(Pattern::regex("\\p{Klingon}"), std::invalid_argument);
  EXPECT_THROW(Pattern::regex("(?<=a+)b"), std::invalid_argument);
  EXPECT_THROW(Pattern::regex("(a"), std::invalid_argument);
}

}  // namespace
}  // namespace kvcompare
