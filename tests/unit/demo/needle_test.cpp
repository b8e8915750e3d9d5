#include "demo/needle.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/tokenizer/tokenizer.h"

namespace kvcompare::demo {
namespace {

std::string evidence_of(const Needle& needle) {
  return needle.context.substr(static_cast<std::size_t>(needle.evidence.begin),
                               static_cast<std::size_t>(needle.evidence.size()));
}

int n_times(const std::string& text, const std::string& part) {
  int n = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

// Words and punctuation marks.
std::ptrdiff_t n_pieces(const std::string& text) {
  return std::ranges::count(text, ' ') + std::ranges::count(text, '.') + 1;
}

// The question ends with the beginning of a sentence: the one that the evidence is, up to the answer.
TEST(Needle, TheEvidenceIsTheSentenceThatTheAnswerCompletes) {
  for (const auto kind : {NeedleKind::kRelation, NeedleKind::kNumber}) {
    std::set<std::string> evidence;
    for (std::uint64_t index = 0; index < 40; ++index) {
      const Needle needle = make_needle({.kind = kind, .n_words = 300, .n_others = 3}, 1, index);
      const auto begin = needle.question.find("? ");
      ASSERT_NE(begin, std::string::npos) << needle.question;
      EXPECT_EQ(needle.question.substr(begin + 2) + needle.answer + ".", evidence_of(needle));
      EXPECT_EQ(needle.answer.front(), ' ');
      EXPECT_EQ(n_times(needle.context, evidence_of(needle)), 1);
      evidence.insert(evidence_of(needle));
    }
    EXPECT_GT(evidence.size(), 35u);
  }
}

TEST(Needle, OnlyTheNeedleTellsAboutTheNameAndTheAnswer) {
  for (std::uint64_t index = 0; index < 40; ++index) {
    const Needle needle =
        make_needle({.kind = NeedleKind::kNumber, .n_words = 400, .n_others = 10}, 2, index);
    const auto end = needle.question.find('?');
    const auto name =
        needle.question.substr(needle.question.rfind(' ', end), end - needle.question.rfind(' ', end));
    EXPECT_EQ(n_times(needle.context, name), 1) << name;
    EXPECT_EQ(n_times(needle.context, needle.answer), 1);
    EXPECT_EQ(n_times(needle.context, "The secret number of"), 11);
    EXPECT_TRUE(
        needle.answer.size() == 5 &&
        std::ranges::all_of(needle.answer.substr(1), [](unsigned char c) { return std::isdigit(c) != 0; }));
  }
}

TEST(Needle, StandsAtTheDepthAskedFor) {
  for (const double depth : {0.0, 0.1, 0.5, 0.9, 1.0}) {
    for (std::uint64_t index = 0; index < 10; ++index) {
      const Needle needle = make_needle({.n_words = 1000, .depth = depth}, 3, index);
      const auto before =
          n_pieces(needle.context.substr(0, static_cast<std::size_t>(needle.evidence.begin) - 1));
      EXPECT_GE(before, static_cast<std::ptrdiff_t>(depth * 1000));
      EXPECT_LE(before, static_cast<std::ptrdiff_t>(depth * 1000) + 25);  // a sentence more
      EXPECT_GE(n_pieces(needle.context), 1000);
      EXPECT_LE(n_pieces(needle.context), 1035);
    }
  }
}

TEST(Needle, DependsOnSeedAndIndex) {
  const auto text = [](std::uint64_t seed, std::uint64_t index) {
    const Needle needle = make_needle({.n_words = 200}, seed, index);
    return needle.context + needle.question + needle.answer;
  };
  EXPECT_EQ(text(1, 5), text(1, 5));
  EXPECT_NE(text(1, 5), text(1, 6));
  EXPECT_NE(text(1, 5), text(2, 5));
}

TEST(Needle, AnswersAreOneTokenForTheDemosModel) {
  const auto tokenizer = Tokenizer::load(std::filesystem::path(KVCOMPARE_DEMO_DIR) / "model");
  for (std::uint64_t index = 0; index < 60; ++index) {
    const Needle needle = make_needle({.n_words = 100}, 4, index);
    EXPECT_EQ(tokenizer.encode(needle.answer, Tokenizer::SpecialTokens::kOmit).size(), 1u) << needle.answer;
  }
}

}  // namespace
}  // namespace kvcompare::demo
