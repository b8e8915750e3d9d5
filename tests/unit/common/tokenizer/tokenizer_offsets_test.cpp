// The characters that each token stands for: those of Hugging Face tokenizers, and cases worked out by hand.
#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "common/tokenizer/tokenizer.h"
#include "common/tokenizer/unicode_form.h"
#include "tests/support/assets.h"
#include "tests/support/json_tokenizer_file.h"

namespace kvcompare {
namespace {

using nlohmann::json;
using testing::ElementsAre;

std::vector<json> read_lines(const std::filesystem::path& file) {
  std::ifstream stream(file);
  std::vector<json> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(json::parse(line));
  return lines;
}

std::int64_t n_characters(std::string_view utf8) {
  return std::ranges::count_if(utf8, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
}

// In characters.
std::vector<Range> ranges_of(const Tokenizer& tokenizer, const std::string& text,
                             SpecialTokens special = SpecialTokens::kOmit) {
  const EncodedText encoded = tokenizer.encode_with_bytes(text, special);
  EXPECT_EQ(encoded.ids, tokenizer.encode(text, special));
  EXPECT_EQ(encoded.bytes.size(), encoded.ids.size());
  std::vector<Range> characters;
  for (const Range& bytes : encoded.bytes) {
    const auto until = [&](std::int64_t end) {
      return n_characters(std::string_view(text).substr(0, static_cast<std::size_t>(end)));
    };
    characters.push_back({until(bytes.begin), until(bytes.end)});
  }
  return characters;
}

std::vector<Range> ranges_of(const json& offsets) {
  std::vector<Range> ranges;
  for (const json& pair : offsets) ranges.push_back({pair.at(0), pair.at(1)});
  return ranges;
}

std::vector<json> rows(const std::filesystem::path& file) {
  return read_lines(std::filesystem::path(KVCOMPARE_GOLDEN_FOLDER) / file);
}

bool contains(const Range& outer, const Range& inner) {
  return outer.begin <= inner.begin && inner.end <= outer.end;
}

bool has_normalizer(const json& document) {
  return document.contains("normalizer") && !document["normalizer"].is_null();
}

// Where a normalizer joins characters, or replaces several, Hugging Face names only one of them.
void expect_reference(const std::vector<Range>& ours, const std::vector<Range>& reference, bool may_be_wider,
                      const std::string& what) {
  ASSERT_EQ(ours.size(), reference.size()) << what;
  for (std::size_t i = 0; i < ours.size(); ++i)
    EXPECT_TRUE(ours[i] == reference[i] || (may_be_wider && contains(ours[i], reference[i])))
        << what << ": token " << i << " is " << ours[i].begin << "-" << ours[i].end << ", expected "
        << reference[i].begin << "-" << reference[i].end;
}

// With these tokenizers Hugging Face counts along the lengths of tokens, though characters were dropped or
// written in another order before, so that its offsets belong to other characters.
const std::set<std::string> kReferenceIsLost{"no-unk-token", "unknown-some-bytes"};

TEST(TokenizerOffsets, AreThoseOfHuggingFaceForEveryComponent) {
  std::vector<std::string> texts;
  std::vector<json> bases;
  std::map<std::string, json> tokenizers;
  for (const json& line : rows("tokenizer_components.jsonl")) {
    if (line.contains("texts")) {
      texts = line.at("texts").get<std::vector<std::string>>();
    } else if (line.contains("vocab")) {
      bases.push_back(line);
    } else {
      json document = line.at("tokenizer");
      for (const char* key : {"vocab", "merges"})
        document["model"][key] = bases.at(line.at("base").get<std::size_t>()).at(key);
      tokenizers.emplace(line.at("name"), std::move(document));
    }
  }
  std::size_t n_compared = 0;
  for (const json& row : rows("tokenizer_offsets.jsonl")) {
    if (!row.contains("name") || kReferenceIsLost.contains(row.at("name"))) continue;
    const auto name = row.at("name").get<std::string>();
    const json& document = tokenizers.at(name);
    const Tokenizer tokenizer = TokenizerFile(document).load();
    for (std::size_t i = 0; i < texts.size(); ++i)
      expect_reference(ranges_of(tokenizer, texts[i]), ranges_of(row.at("offsets").at(i)),
                       has_normalizer(document), name + ": " + json(texts[i]).dump());
    ++n_compared;
  }
  EXPECT_GT(n_compared, 70U);
}

TEST(TokenizerOffsets, AreThoseOfHuggingFaceForEveryAsset) {
  KVCOMPARE_SKIP_WITHOUT_ASSETS();
  std::size_t n_compared = 0;
  for (const json& row : rows("tokenizer_offsets.jsonl")) {
    if (!row.contains("tokenizer")) continue;
    const auto folder = *test_assets() / row.at("tokenizer").get<std::string>();
    const Tokenizer tokenizer = Tokenizer::load(folder);
    std::ifstream file(folder / "tokenizer.json");
    const bool has_nfc = has_normalizer(json::parse(file));
    const auto lines = read_lines(*test_assets() / row.at("lines").get<std::string>());
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const auto text = lines[i].at("text").get<std::string>();
      expect_reference(ranges_of(tokenizer, text), ranges_of(row.at("offsets").at(i)), has_nfc,
                       folder.string() + ": " + json(text).dump());
    }
    ++n_compared;
  }
  EXPECT_EQ(n_compared, 4U);
}

json added_token(int id, const char* content) {
  return {{"id", id},       {"content", content},  {"single_word", false}, {"lstrip", false},
          {"rstrip", true}, {"normalized", false}, {"special", true}};
}

TEST(TokenizerOffsets, FollowMergesAddedTokensAndUnknownCharacters) {
  json document = small_tokenizer();
  document["added_tokens"] = {added_token(11, "<x>")};
  const Tokenizer tokenizer = TokenizerFile(document).load();
  EXPECT_THAT(ranges_of(tokenizer, "abcé<x> ab"),
              ElementsAre(Range{0, 3}, Range{3, 4}, Range{4, 8}, Range{8, 10}))
      << "the added token takes the white space behind it";
}

TEST(TokenizerOffsets, OfSpecialTokensAreEmpty) {
  json document = small_tokenizer();
  document["post_processor"] = {
      {"type", "TemplateProcessing"},
      {"single",
       {{{"SpecialToken", {{"id", "<unk>"}, {"type_id", 0}}}},
        {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}}},
      {"pair", json::array()},
      {"special_tokens", {{"<unk>", {{"id", "<unk>"}, {"ids", {0}}, {"tokens", {"<unk>"}}}}}}};
  EXPECT_THAT(ranges_of(TokenizerFile(document).load(), "ab", SpecialTokens::kAdd),
              ElementsAre(Range{0, 0}, Range{0, 2}));
}

TEST(TokenizerOffsets, OfBytesAreTheirWholeCharacter) {
  json document = small_tokenizer();
  document["model"]["byte_fallback"] = true;
  document["model"]["vocab"].update({{"<0xC3>", 11}, {"<0xA9>", 12}});
  EXPECT_THAT(ranges_of(TokenizerFile(document).load(), "aéb"),
              ElementsAre(Range{0, 1}, Range{1, 2}, Range{1, 2}, Range{2, 3}));
}

TEST(TokenizerOffsets, LeaveOutWhatBecomesNoToken) {
  json document = small_tokenizer();
  document["model"]["unk_token"] = nullptr;
  EXPECT_THAT(ranges_of(TokenizerFile(document).load(), "xca"), ElementsAre(Range{1, 2}, Range{2, 3}));
  document["normalizer"] = {{"type", "Strip"}, {"strip_left", true}, {"strip_right", true}};
  EXPECT_THAT(ranges_of(TokenizerFile(document).load(), "  c "), ElementsAre(Range{2, 3}));
}

// Every text is cut at every character; what the blocks become must be what the whole becomes.
TEST(FormBlocks, TogetherAreTheForm) {
  for (const auto& text :
       rows("tokenizer_components.jsonl").front().at("texts").get<std::vector<std::string>>())
    for (const auto form : {UnicodeForm::kNfc, UnicodeForm::kNfd, UnicodeForm::kNfkc, UnicodeForm::kNfkd}) {
      std::string formed;
      std::size_t at = 0;
      for (const FormBlock& block : form_blocks(text, form)) {
        const auto part = text.substr(at, block.n_bytes);
        const auto becomes = to_unicode_form(part, form);
        EXPECT_EQ(becomes.size(), block.n_formed_bytes);
        EXPECT_EQ(becomes == part, block.is_unchanged);
        formed += becomes;
        at += block.n_bytes;
      }
      EXPECT_EQ(at, text.size());
      EXPECT_EQ(formed, to_unicode_form(text, form)) << json(text).dump();
    }
}

TEST(FormBlocks, AreNoLargerThanWhatIsComposed) {
  const auto sizes = [](const std::string& text) {
    std::vector<std::size_t> n;
    for (const FormBlock& block : form_blocks(text, UnicodeForm::kNfc)) n.push_back(block.n_bytes);
    return n;
  };
  EXPECT_THAT(sizes("ae\u0301b"), ElementsAre(1, 3, 1));
  EXPECT_THAT(sizes("\u1100\u1161\u11a8\u1100\u1161"), ElementsAre(9, 6)) << "two syllables of Jamo";
}

}  // namespace
}  // namespace kvcompare
