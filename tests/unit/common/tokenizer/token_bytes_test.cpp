#include "common/tokenizer/token_bytes.h"

#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "common/errors.h"
#include "common/tokenizer/byte_characters.h"
#include "common/tokenizer/shown_text.h"
#include "common/tokenizer/tokenizer.h"
#include "tests/support/assets.h"
#include "tests/support/error_of.h"
#include "tests/support/json_tokenizer_file.h"

namespace kvcompare {
namespace {

using nlohmann::json;

TokenBytes load(const json& document) { return TokenBytes::load(TokenizerFile(document).folder()); }

std::string joined(const TokenBytes& tokens, const std::vector<TokenId>& ids) {
  std::string bytes;
  for (const TokenId id : ids) bytes += tokens.of(id).value();
  return bytes;
}

TEST(ByteCharacters, ReadBackEveryByte) {
  std::string all, characters;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  append_byte_characters(characters, all);
  EXPECT_EQ(bytes_of_characters(characters), all);
  EXPECT_EQ(bytes_of_characters("Ġthe"), " the");
  EXPECT_EQ(bytes_of_characters("中"), std::nullopt);
  EXPECT_EQ(bytes_of_characters(" "), std::nullopt);  // a space is written Ġ
}

TEST(TokenBytes, StandAsTheVocabularyWritesThemWithoutADecoder) {
  const auto tokens = load(small_tokenizer());
  EXPECT_EQ(tokens.of(10), "abc");
  EXPECT_EQ(tokens.of(5), "▁");
  EXPECT_EQ(tokens.of(11), std::nullopt);
  EXPECT_EQ(tokens.of(-1), std::nullopt);
}

TEST(TokenBytes, FollowTheDecoder) {
  auto document = small_tokenizer();
  auto& vocabulary = document["model"]["vocab"];
  vocabulary["Ġab"] = 11;
  vocabulary["<0xE4>"] = 12;
  vocabulary["▁a▁"] = 13;
  document["decoder"] = {{"type", "ByteLevel"}};
  EXPECT_EQ(load(document).of(11), " ab");
  EXPECT_EQ(load(document).of(13), "▁a▁");  // ▁ stands for no byte
  document["decoder"] = {{"type", "Metaspace"}, {"replacement", "▁"}};
  EXPECT_EQ(load(document).of(13), " a ");
  EXPECT_EQ(load(document).of(12), "<0xE4>");
  document["decoder"] = {{"type", "Sequence"},
                         {"decoders",
                          {{{"type", "Replace"}, {"pattern", {{"String", "▁"}}}, {"content", " "}},
                           {{"type", "ByteFallback"}},
                           {{"type", "Fuse"}},
                           {{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}}}}};
  EXPECT_EQ(load(document).of(12), "\xE4");
  EXPECT_EQ(load(document).of(13), " a ");
}

TEST(TokenBytes, SpellOutAddedTokensAsTheyAre) {
  auto document = small_tokenizer();
  document["decoder"] = {{"type", "Metaspace"}, {"replacement", "▁"}};
  document["added_tokens"] = {added_token(11, "<|end▁|>")};
  EXPECT_EQ(load(document).of(11), "<|end▁|>");
}

TEST(TokenBytes, NameTheFileThatTheyCannotRead) {
  EXPECT_THROW(TokenBytes::load("/nowhere/tokenizer.json"), CheckpointError);
  auto document = small_tokenizer();
  document["model"]["vocab"]["a"] = -1;
  EXPECT_THROW(load(document), CheckpointError);
}

// Encoding is tested against Hugging Face and llama.cpp; decoding must lead back to the text.
TEST(TokenBytes, OfATextAreTheText) {
  KVCOMPARE_SKIP_WITHOUT_ASSETS();
  const std::vector<std::string> texts{"The quick brown fox, 12 of them.\n\tIt's 3 o'clock\n",
                                       "naïve café — 中文 🙂 \u0001 a  b   c",
                                       "x = {\"a\": [1, 2]};\r\n"};
  for (const auto* name : {"tokenizers/gpt2", "tokenizers/qwen2", "tokenizers/llama2"}) {
    const auto folder = *test_assets() / name;
    const auto tokenizer = Tokenizer::load(folder);
    const auto tokens = TokenBytes::load(folder);
    for (const auto& text : texts) {
      const auto bytes = joined(tokens, tokenizer.encode(text, Tokenizer::SpecialTokens::kOmit));
      const bool begins_with_space = std::string(name) == "tokenizers/llama2";  // its normalizer adds one
      EXPECT_EQ(bytes, (begins_with_space ? " " : "") + text) << name;
    }
  }
}

TEST(ShownText, IsOneLineWhateverTheBytes) {
  EXPECT_EQ(shown_text("a\nb\tc"), "a↵b⇥c");
  EXPECT_EQ(shown_text("caf\u00e9 \u4e2d"), "café 中");
  EXPECT_EQ(shown_text("\xE4\xB8 \xAD"), "\\xE4\\xB8 \\xAD");  // parts of a character
  EXPECT_EQ(shown_text("\x1b[2J\x7f"), "\\x1B[2J\\x7F");
  EXPECT_EQ(shown_text("\u0085"), "\\xC2\\x85");  // a control character above ASCII
}

TEST(ShownText, IsCutBetweenCharacters) {
  EXPECT_EQ(last_characters("abcé中", 2), "…é中");
  EXPECT_EQ(last_characters("é中", 2), "é中");
  EXPECT_EQ(last_characters("é中", 0), "…");
  EXPECT_EQ(first_characters("é中abc", 2), "é中…");
  EXPECT_EQ(first_characters("é中", 2), "é中");
  EXPECT_EQ(first_characters("é中", 9), "é中");
}

}  // namespace
}  // namespace kvcompare
