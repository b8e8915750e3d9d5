// Small tokenizers; the expected ids follow by hand from the vocabulary of small_tokenizer().
#include "common/tokenizer/tokenizer.h"

#include <random>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "common/errors.h"
#include "tests/support/json_tokenizer_file.h"

namespace kvcompare {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::IsEmpty;

Tokenizer load(const json& document) { return TokenizerFile(document).load(); }

json metaspace(const char* scheme) {
  return {{"type", "Metaspace"}, {"replacement", "▁"}, {"prepend_scheme", scheme}, {"split", true}};
}

TEST(Tokenizer, MergesTheLowestRankFirstAndTheLeftmostOfEquals) {
  json document = small_tokenizer();
  EXPECT_THAT(load(document).encode("abcab"), ElementsAre(10, 9));
  document["model"]["vocab"] = {{"a", 0}, {"aa", 1}, {"aaa", 2}, {"<unk>", 3}};
  document["model"]["merges"] = {"a a", "aa a"};
  EXPECT_THAT(load(document).encode("aaa"), ElementsAre(2));
  EXPECT_THAT(load(document).encode("aaaaa"), ElementsAre(1, 2));
}

TEST(Tokenizer, ReadsBothWaysToWriteMerges) {
  json document = small_tokenizer();
  document["model"]["merges"] = json::array({json::array({"a", "b"}), json::array({"ab", "c"})});
  EXPECT_THAT(load(document).encode("abcab"), ElementsAre(10, 9));
}

TEST(Tokenizer, TakesAWholePieceOfTheVocabularyWhenMergesAreIgnored) {
  json document = small_tokenizer();
  document["model"]["vocab"]["ca"] = 11;  // no merge leads there
  EXPECT_THAT(load(document).encode("ca"), ElementsAre(3, 1));
  document["model"]["ignore_merges"] = true;
  EXPECT_THAT(load(document).encode("ca"), ElementsAre(11));
  EXPECT_THAT(load(document).encode("cab"), ElementsAre(3, 9));
}

TEST(Tokenizer, WritesUnknownCharactersOneByOneFusedOrNotAtAll) {
  json document = small_tokenizer();
  EXPECT_THAT(load(document).encode("xya"), ElementsAre(0, 0, 1));
  document["model"]["fuse_unk"] = true;
  EXPECT_THAT(load(document).encode("xya"), ElementsAre(0, 1));
  document["model"]["unk_token"] = nullptr;
  EXPECT_THAT(load(document).encode("xya"), ElementsAre(1));
}

TEST(Tokenizer, ComplainsOfAnUnknownTokenOutsideTheVocabularyOnlyWhenItIsNeeded) {
  json document = small_tokenizer();
  document["model"]["unk_token"] = "<none>";
  const Tokenizer tokenizer = load(document);
  EXPECT_THAT(tokenizer.encode("ab"), ElementsAre(9));
  EXPECT_THROW(tokenizer.encode("x"), CheckpointError);
}

TEST(Tokenizer, SpellsUnknownCharactersInBytes) {
  json document = small_tokenizer();
  document["model"]["byte_fallback"] = true;
  document["model"]["vocab"].update({{"<0xC3>", 11}, {"<0xA9>", 12}});
  EXPECT_THAT(load(document).encode("aé"), ElementsAre(1, 11, 12));
  EXPECT_THAT(load(document).encode("aê"), ElementsAre(1, 0))
      << "a byte of ê is missing: all of it is unknown";
}

TEST(Tokenizer, PrependsTheMetaspaceAlwaysFirstOrNever) {
  json document = small_tokenizer();
  document["added_tokens"] = {added_token(11, "<x>")};
  document["pre_tokenizer"] = metaspace("always");
  EXPECT_THAT(load(document).encode("a<x>b c"), ElementsAre(5, 1, 11, 5, 2, 5, 3));
  document["pre_tokenizer"] = metaspace("first");
  EXPECT_THAT(load(document).encode("a<x>b c"), ElementsAre(5, 1, 11, 2, 5, 3));
  EXPECT_THAT(load(document).encode("<x>b"), ElementsAre(11, 2));
  EXPECT_THAT(load(document).encode(" a"), ElementsAre(5, 1));
  document["pre_tokenizer"] = metaspace("never");
  EXPECT_THAT(load(document).encode("a<x>b c"), ElementsAre(1, 11, 2, 5, 3));
}

TEST(Tokenizer, ReadsTheOlderFlagOfMetaspace) {
  json document = small_tokenizer();
  document["pre_tokenizer"] = {{"type", "Metaspace"}, {"replacement", "▁"}, {"add_prefix_space", true}};
  EXPECT_THAT(load(document).encode("a b"), ElementsAre(5, 1, 5, 2));
  document["pre_tokenizer"]["add_prefix_space"] = false;
  EXPECT_THAT(load(document).encode("a b"), ElementsAre(1, 5, 2));
}

TEST(Tokenizer, PrependsNothingToAnEmptyText) {
  json document = small_tokenizer();
  document["normalizer"] = {{"type", "Prepend"}, {"prepend", "▁"}};
  EXPECT_THAT(load(document).encode(""), IsEmpty());
  EXPECT_THAT(load(document).encode("a"), ElementsAre(5, 1));
}

TEST(Tokenizer, KeepsMergesInsideThePieces) {
  json document = small_tokenizer();
  const auto split = [&document](const char* behavior, bool invert) {
    document["pre_tokenizer"] = {
        {"type", "Split"}, {"pattern", {{"String", "b"}}}, {"behavior", behavior}, {"invert", invert}};
    return load(document).encode("abcabc");
  };
  EXPECT_THAT(split("Removed", false), ElementsAre(1, 3, 1, 3));
  EXPECT_THAT(split("Removed", true), ElementsAre(2, 2));
  EXPECT_THAT(split("Isolated", false), ElementsAre(1, 2, 3, 1, 2, 3));
  EXPECT_THAT(split("MergedWithPrevious", false), ElementsAre(9, 3, 9, 3));
  EXPECT_THAT(split("MergedWithNext", false), ElementsAre(1, 2, 3, 1, 2, 3));
}

TEST(Tokenizer, ComposesCharactersButLeavesThoseYoungerThanUnicode9InPlace) {
  json document = small_tokenizer();
  document["model"]["vocab"].update(
      {{"\u00E9", 11}, {"e", 12}, {"\u0315", 13}, {"\U0001E130", 14}, {"\u0323", 15}});
  document["normalizer"] = {{"type", "NFC"}};
  EXPECT_THAT(load(document).encode("e\u0301"), ElementsAre(11));
  EXPECT_THAT(load(document).encode("-\u0315\u0323"), ElementsAre(6, 15, 13)) << "ordered by combining class";
  EXPECT_THAT(load(document).encode("-\u0315\U0001E130"), ElementsAre(6, 13, 14))
      << "class 230 since Unicode 12";
}

TEST(Tokenizer, StripsWhiteSpaceAroundAddedTokens) {
  json document = small_tokenizer();
  document["added_tokens"] = {added_token(11, "<x>")};
  EXPECT_THAT(load(document).encode("a <x> b"), ElementsAre(1, 4, 11, 4, 2));
  document["added_tokens"][0]["lstrip"] = true;
  EXPECT_THAT(load(document).encode("a  <x> b"), ElementsAre(1, 11, 4, 2));
  document["added_tokens"][0]["rstrip"] = true;
  EXPECT_THAT(load(document).encode("a \n<x>\t b"), ElementsAre(1, 11, 2));
}

// The first token takes the white space behind it; in there lies the second, whose begin is not moved on.
TEST(Tokenizer, GivesATokenWithinWhiteSpaceThatIsTakenItsOwnBytes) {
  json document = small_tokenizer();
  document["added_tokens"] = {added_token(11, "<x>"), added_token(4, " ")};
  document["added_tokens"][0]["rstrip"] = true;
  document["added_tokens"][1]["lstrip"] = true;
  const auto tokenizer = load(document);
  const auto encoded = tokenizer.encode_with_bytes("<x>   b");
  EXPECT_EQ(encoded.ids, tokenizer.encode("<x>   b"));
  for (const auto& range : encoded.bytes) {
    EXPECT_LE(range.begin, range.end);
    EXPECT_LE(range.end, 7);
  }
}

TEST(Tokenizer, FindsASingleWordTokenOnlyBetweenOtherThanWordCharacters) {
  json document = small_tokenizer();
  document["added_tokens"] = {added_token(11, "cc")};
  EXPECT_THAT(load(document).encode("acc"), ElementsAre(1, 11));
  document["added_tokens"][0]["single_word"] = true;
  EXPECT_THAT(load(document).encode("acc"), ElementsAre(1, 3, 3));
  EXPECT_THAT(load(document).encode("cca"), ElementsAre(3, 3, 1));
  EXPECT_THAT(load(document).encode("a cc-"), ElementsAre(1, 4, 11, 6));
}

TEST(Tokenizer, LooksForNormalizedTokensBehindTheNormalizer) {
  json document = small_tokenizer();
  document["normalizer"] = {{"type", "Lowercase"}};
  document["added_tokens"] = {added_token(11, "CC")};
  EXPECT_THAT(load(document).encode("CCcc"), ElementsAre(11, 3, 3));
  document["added_tokens"][0]["normalized"] = true;
  EXPECT_THAT(load(document).encode("CCcc"), ElementsAre(11, 11));
}

TEST(Tokenizer, PrefersTheLongestAddedToken) {
  json document = small_tokenizer();
  document["added_tokens"] = {added_token(11, "<x"), added_token(12, "<x>"), added_token(13, "<x><y>")};
  EXPECT_THAT(load(document).encode("<x><y><x>a<xa"), ElementsAre(13, 12, 1, 11, 1));
}

TEST(Tokenizer, AddsWhatTheTemplateSaysUnlessToldNotTo) {
  json document = small_tokenizer();
  const json special = {{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}};
  const json text = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
  document["post_processor"] = {
      {"type", "TemplateProcessing"},
      {"single", {special, text, special}},
      {"pair", {special, text}},
      {"special_tokens", {{"<s>", {{"id", "<s>"}, {"ids", {20, 21}}, {"tokens", {"<s>", "x"}}}}}}};
  const Tokenizer tokenizer = load(document);
  EXPECT_THAT(tokenizer.encode("ab"), ElementsAre(20, 21, 9, 20, 21));
  EXPECT_THAT(tokenizer.encode(""), ElementsAre(20, 21, 20, 21));
  EXPECT_THAT(tokenizer.encode("ab", Tokenizer::SpecialTokens::kOmit), ElementsAre(9));
  EXPECT_EQ(tokenizer.vocab_size(), 22);
}

TEST(Tokenizer, AppliesNeitherTruncationNorPadding) {
  json document = small_tokenizer();
  document["truncation"] = {
      {"max_length", 1}, {"strategy", "LongestFirst"}, {"stride", 0}, {"direction", "Right"}};
  document["padding"] = {{"strategy", {{"Fixed", 8}}}, {"pad_id", 0}, {"pad_token", "<unk>"}};
  EXPECT_THAT(load(document).encode("abab"), ElementsAre(9, 9));
}

TEST(Tokenizer, CountsTheLargestId) {
  json document = small_tokenizer();
  EXPECT_EQ(load(document).vocab_size(), 11);
  document["added_tokens"] = {added_token(11, "<x>"), added_token(12, "<y>")};
  EXPECT_EQ(load(document).vocab_size(), 13);
}

TEST(Tokenizer, RefusesTextThatIsNotUtf8) {
  const Tokenizer tokenizer = load(small_tokenizer());
  for (const char* text : {"ab\xFF", "\xC0\x80", "\xED\xA0\x80", "\xE2\x82", "\xF4\x90\x80\x80", "\x80"}) {
    EXPECT_THROW(tokenizer.encode(text), InvariantError) << text;
  }
}

TEST(Tokenizer, EncodesAMegabyteWithoutSpacesAsAByteLevelWord) {
  json document = small_tokenizer();
  document["pre_tokenizer"] = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}};
  const std::vector<TokenId> ids = load(document).encode(std::string(1 << 20, 'a') + "bc");
  ASSERT_EQ(ids.size(), std::size_t{1 << 20});
  EXPECT_EQ(ids.front(), 1);
  EXPECT_EQ(ids.back(), 10);
}

TEST(Tokenizer, EncodesAMegabyteThatMergesAllTheWayUp) {
  json document = small_tokenizer();
  json& model = document["model"];
  model["vocab"] = {{"<unk>", 0}, {"a", 1}};
  model["merges"] = json::array();
  model["byte_fallback"] = true;
  std::string token = "a";
  for (int id = 2; id < 10; ++id, token += token) {  // aa, aaaa, ... 256 times a
    model["merges"].push_back(token + " " + token);
    model["vocab"][token + token] = id;
  }
  document["normalizer"] = {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "▁"}};
  EXPECT_EQ(load(document).encode(std::string(1 << 20, 'a')), std::vector<TokenId>((1 << 20) / 256, 9));
}

TEST(Tokenizer, SplitsAMegabyteOfWhiteSpaceByARegexWithLookAhead) {
  json document = small_tokenizer();
  document["pre_tokenizer"] = {{"type", "Split"},
                               {"pattern", {{"Regex", "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+|\\S+"}}},
                               {"behavior", "Isolated"},
                               {"invert", false}};
  const std::vector<TokenId> ids = load(document).encode(std::string(1 << 20, ' ') + "a");
  ASSERT_EQ(ids.size(), std::size_t{(1 << 20) + 1});
  EXPECT_EQ(ids.back(), 1);
}

TEST(Tokenizer, GivesEachThreadTheSameIds) {
  json document = small_tokenizer();
  document["pre_tokenizer"] = metaspace("always");
  const Tokenizer tokenizer = load(document);
  std::mt19937 random(7);
  std::vector<std::string> texts(200);
  for (std::string& text : texts) {
    for (int i = 0; i < 60; ++i) text += "abc -12"[random() % 7];
  }
  std::vector<std::vector<TokenId>> alone;
  for (const std::string& text : texts) alone.push_back(load(document).encode(text));
  std::vector<std::vector<std::vector<TokenId>>> together(4);
  {
    std::vector<std::jthread> threads;
    for (auto& results : together) {
      threads.emplace_back([&texts, &tokenizer, &results] {
        for (const std::string& text : texts) results.push_back(tokenizer.encode(text));
      });
    }
  }
  for (const auto& results : together) EXPECT_EQ(results, alone);
}

}  // namespace
}  // namespace kvcompare
