// What a tokenizer.json may not ask for: the message names it.
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "common/errors.h"
#include "common/tokenizer/tokenizer.h"
#include "tests/support/error_of.h"
#include "tests/support/json_tokenizer_file.h"

namespace kvcompare {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

// The message with which the file is refused; empty if it is not.
std::string refusal(const json& document) {
  const TokenizerFile file(document);
  try {
    file.load();
  } catch (const CheckpointError& error) {
    EXPECT_EQ(error.file, (file.folder() / "tokenizer.json").string());
    EXPECT_EQ(error.exit_code(), ExitCode::kBadInput);
    return error.what();
  }
  return "";
}

json with(const std::string& pointer, const json& value) {
  json document = small_tokenizer();
  document[json::json_pointer(pointer)] = value;
  return document;
}

struct Refusal {
  const char* pointer;
  json value;
  std::vector<const char*> said;
};

TEST(TokenizerRefusal, StartsFromAFileThatIsAccepted) { EXPECT_EQ(refusal(small_tokenizer()), ""); }

TEST(TokenizerRefusal, NamesFileAndPatternWhereAPatternBacktracksWithoutEnd) {
  const TokenizerFile file(with(
      "/pre_tokenizer",
      {{"type", "Split"}, {"pattern", {{"Regex", "(a+)+$"}}}, {"behavior", "Isolated"}, {"invert", false}}));
  const auto tokenizer = file.load();
  const auto error = error_of<CheckpointError>([&] { tokenizer.encode(std::string(63, 'a') + "!"); });
  EXPECT_EQ(error.file, (file.folder() / "tokenizer.json").string());
  EXPECT_THAT(error.what(),
              AllOf(HasSubstr("(a+)+$"), HasSubstr("64 bytes"), HasSubstr("match limit exceeded")));
}

TEST(TokenizerRefusal, NamesTheTypeOfAnUnknownComponent) {
  const std::vector<Refusal> refusals = {
      {"/model/type", "WordPiece", {"model", "\"WordPiece\"", "BPE"}},
      {"/model/type", "Unigram", {"\"Unigram\""}},
      {"/model/type", "WordLevel", {"\"WordLevel\""}},
      {"/normalizer", {{"type", "BertNormalizer"}}, {"normalizer", "\"BertNormalizer\"", "NFC"}},
      {"/normalizer", {{"type", "Precompiled"}}, {"\"Precompiled\""}},
      {"/normalizer", {{"type", "Nmt"}}, {"\"Nmt\""}},
      {"/normalizer", {{"type", "StripAccents"}}, {"\"StripAccents\""}},
      {"/normalizer",
       {{"type", "Sequence"}, {"normalizers", {{{"type", "NFC"}}, {{"type", "Other"}}}}},
       {"normalizer.normalizers[1]", "\"Other\""}},
      {"/pre_tokenizer",
       {{"type", "BertPreTokenizer"}},
       {"pre_tokenizer", "\"BertPreTokenizer\"", "Metaspace"}},
      {"/pre_tokenizer", {{"type", "Whitespace"}}, {"\"Whitespace\""}},
      {"/pre_tokenizer", {{"type", "Punctuation"}}, {"\"Punctuation\""}},
      {"/pre_tokenizer", {{"type", "UnicodeScripts"}}, {"\"UnicodeScripts\""}},
      {"/post_processor",
       {{"type", "BertProcessing"}},
       {"post_processor", "\"BertProcessing\"", "TemplateProcessing"}},
      {"/post_processor", {{"type", "RobertaProcessing"}}, {"\"RobertaProcessing\""}},
  };
  for (const Refusal& r : refusals) {
    const std::string message = refusal(with(r.pointer, r.value));
    for (const char* said : r.said) EXPECT_THAT(message, HasSubstr(said)) << r.value.dump();
  }
}

TEST(TokenizerRefusal, NamesTheKeyThatItDoesNotKnow) {
  EXPECT_THAT(refusal(with("/surprise", 1)), HasSubstr("\"surprise\""));
  EXPECT_THAT(refusal(with("/model/surprise", 1)), AllOf(HasSubstr("model: "), HasSubstr("\"surprise\"")));
  EXPECT_THAT(refusal(with("/normalizer", {{"type", "NFC"}, {"surprise", 1}})), HasSubstr("\"surprise\""));
  EXPECT_THAT(
      refusal(with("/pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"surprise", 1}})),
      HasSubstr("\"surprise\""));
  EXPECT_THAT(refusal(with("/version", "2.0")), AllOf(HasSubstr("version"), HasSubstr("\"2.0\"")));
}

TEST(TokenizerRefusal, NamesTheModelOptionThatItDoesNotDo) {
  EXPECT_THAT(refusal(with("/model/dropout", 0.1)), HasSubstr("model.dropout"));
  EXPECT_EQ(refusal(with("/model/dropout", 0.0)), "");
  EXPECT_THAT(refusal(with("/model/continuing_subword_prefix", "##")),
              HasSubstr("model.continuing_subword_prefix"));
  EXPECT_THAT(refusal(with("/model/end_of_word_suffix", "</w>")), HasSubstr("model.end_of_word_suffix"));
  EXPECT_EQ(refusal(with("/model/end_of_word_suffix", "")), "");
}

TEST(TokenizerRefusal, NamesTheMergeOutsideTheVocabulary) {
  EXPECT_THAT(refusal(with("/model/merges", {"a b", "a z"})),
              AllOf(HasSubstr("model.merges[1]"), HasSubstr("\"z\"")));
  EXPECT_THAT(refusal(with("/model/merges", {"b a"})), HasSubstr("\"ba\""));
  EXPECT_THAT(refusal(with("/model/merges", json::array({json::array({"z", "a"})}))), HasSubstr("\"z\""));
  EXPECT_THAT(refusal(with("/model/merges", {"a b c"})), HasSubstr("model.merges[0]"));
  EXPECT_THAT(refusal(with("/model/merges", {3})), HasSubstr("model.merges[0]"));
  EXPECT_THAT(refusal(with("/model/vocab/a", -1)), HasSubstr("model.vocab.a"));
  EXPECT_THAT(refusal(with("/model/vocab/a", 4294967296)), HasSubstr("model.vocab.a"));
}

// A table by id for the largest of 32 bits would take 8 GiB, whatever the length of the file.
TEST(TokenizerRefusal, NamesAnIdThatNoVocabularyReaches) {
  EXPECT_EQ(refusal(with("/model/vocab/a", 16777215)), "");
  EXPECT_THAT(refusal(with("/model/vocab/a", 16777216)),
              HasSubstr("model.vocab.a: is 16777216; accepted: ids below 16777216"));
}

TEST(TokenizerRefusal, NamesTheAddedTokenWhoseIdIsNotTheOneItGets) {
  json wrong = with("/added_tokens/0", added_token(12, "<x>"));  // the vocabulary has the ids 0 to 10
  EXPECT_THAT(refusal(wrong), AllOf(HasSubstr("added_tokens[0].id"), HasSubstr("\"<x>\""), HasSubstr("11")));
  EXPECT_EQ(refusal(with("/added_tokens/0", added_token(11, "<x>"))), "");
  EXPECT_THAT(refusal(with("/added_tokens/0", added_token(11, "ab"))),
              AllOf(HasSubstr("\"ab\""), HasSubstr("9")));
  EXPECT_EQ(refusal(with("/added_tokens/0", added_token(9, "ab"))), "");
  EXPECT_THAT(refusal(with("/added_tokens/0", added_token(11, ""))), HasSubstr("added_tokens[0].content"));
}

TEST(TokenizerRefusal, AcceptsARepeatedAddedTokenOnlyWithTheSameOptions) {
  json document = small_tokenizer();
  document["added_tokens"] = {added_token(11, "<x>"), added_token(11, "<x>")};
  EXPECT_EQ(refusal(document), "");
  document["added_tokens"][1]["lstrip"] = true;
  EXPECT_THAT(refusal(document), AllOf(HasSubstr("added_tokens[1]"), HasSubstr("\"<x>\"")));
}

TEST(TokenizerRefusal, NamesAMissingKey) {
  json token = added_token(11, "<x>");
  token.erase("lstrip");
  EXPECT_THAT(refusal(with("/added_tokens/0", token)),
              AllOf(HasSubstr("added_tokens[0]"), HasSubstr("\"lstrip\"")));
  EXPECT_THAT(refusal(with("/pre_tokenizer", {{"type", "Digits"}})), HasSubstr("\"individual_digits\""));
  EXPECT_THAT(refusal(with("/pre_tokenizer", {{"type", "ByteLevel"}})), HasSubstr("\"add_prefix_space\""));
  json no_model = small_tokenizer();
  no_model.erase("model");
  EXPECT_THAT(refusal(no_model), HasSubstr("\"model\""));
}

TEST(TokenizerRefusal, NamesBadOptionsOfPreTokenizers) {
  const auto split = [](const json& pattern, const char* behavior) {
    return with("/pre_tokenizer",
                {{"type", "Split"}, {"pattern", pattern}, {"behavior", behavior}, {"invert", false}});
  };
  EXPECT_THAT(refusal(split({{"String", "-"}}, "Sideways")),
              AllOf(HasSubstr("\"Sideways\""), HasSubstr("Contiguous")));
  EXPECT_THAT(refusal(split({{"Glob", "-"}}, "Removed")), HasSubstr("\"Glob\""));
  EXPECT_THAT(refusal(split({{"Regex", "(a"}}, "Removed")),
              AllOf(HasSubstr("pre_tokenizer.pattern.Regex"), HasSubstr("(a"), HasSubstr("PCRE2")));
  EXPECT_THAT(refusal(split({{"Regex", "[a-z&&[^b]]"}}, "Removed")), HasSubstr("intersection"));
  const auto metaspace = [](json node) {
    node["type"] = "Metaspace";
    return with("/pre_tokenizer", node);
  };
  EXPECT_THAT(refusal(metaspace({{"replacement", "__"}})), HasSubstr("pre_tokenizer.replacement"));
  EXPECT_THAT(refusal(metaspace({{"replacement", "_"}, {"prepend_scheme", "last"}})), HasSubstr("\"last\""));
  EXPECT_THAT(
      refusal(metaspace({{"replacement", "_"}, {"prepend_scheme", "first"}, {"add_prefix_space", false}})),
      HasSubstr("contradicts"));
}

TEST(TokenizerRefusal, NamesBadTemplates) {
  const json text = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
  const json unknown = {{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}};
  const auto processing = [](const json& single) {
    return json{{"type", "TemplateProcessing"},
                {"single", single},
                {"pair", single},
                {"special_tokens", json::object()}};
  };
  EXPECT_THAT(refusal(with("/post_processor", processing({unknown, text}))), HasSubstr("\"<s>\""));
  EXPECT_THAT(
      refusal(with("/post_processor", processing({text, {{"Sequence", {{"id", "B"}, {"type_id", 0}}}}}))),
      HasSubstr("\"A\""));
  const json twice = {{"type", "Sequence"},
                      {"processors", {processing({text, text}), processing({text, text})}}};
  EXPECT_THAT(refusal(with("/post_processor", twice)), HasSubstr("second TemplateProcessing"));
}

TEST(TokenizerRefusal, NamesAFileThatIsNotThereOrNotJson) {
  try {
    Tokenizer::load("/nonexistent/model");
    FAIL() << "loaded";
  } catch (const CheckpointError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("/nonexistent/model"), HasSubstr("tokenizer.json")));
  }
  const TokenizerFile broken(std::string("{\"version\": "));
  EXPECT_THROW(broken.load(), CheckpointError);
}

TEST(TokenizerRefusal, EndsAtABombOfNestedParts) {
  std::string text = small_tokenizer().dump();
  std::string bomb;
  for (int i = 0; i < 20000; ++i) bomb += R"({"type":"Sequence","normalizers":[)";
  const std::string plain = "\"normalizer\":null";
  text.replace(text.find(plain), plain.size(), "\"normalizer\":" + bomb);
  const TokenizerFile file(text);
  EXPECT_THAT(error_of<CheckpointError>([&] { file.load(); }).what(),
              AllOf(HasSubstr("tokenizer.json: byte "), HasSubstr("more than 64 deep")));
}

TEST(TokenizerRefusal, EndsARegularExpressionThatBacktracksTooLong) {
  const Tokenizer tokenizer = TokenizerFile(with("/pre_tokenizer", {{"type", "Split"},
                                                                    {"pattern", {{"Regex", "(?:a|aa)+[bc]"}}},
                                                                    {"behavior", "Isolated"},
                                                                    {"invert", false}}))
                                  .load();
  EXPECT_THAT(error_of<CheckpointError>([&] { tokenizer.encode(std::string(64, 'a')); }).what(),
              AllOf(HasSubstr("tokenizer.json"), HasSubstr("(?:a|aa)+[bc]"), HasSubstr("64 bytes")));
}

TEST(TokenizerRefusal, NamesAPathThatIsTooLongAndAGitLfsPointer) {
  EXPECT_THROW(Tokenizer::load(std::string(5000, 'a')), CheckpointError);
  const TokenizerFile pointer(
      std::string("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"));
  EXPECT_THAT(error_of<CheckpointError>([&] { pointer.load(); }).what(), HasSubstr("Git LFS pointer"));
}

// The message with which a file beside a tokenizer.json with the added token "<x>" (id 11) is refused. That
// transformers 4.57.1 or 5.24.0 gives other ids with it was seen with files like these.
std::string refusal_beside(const std::string& name, const json& document) {
  const TokenizerFile file(with("/added_tokens/0", added_token(11, "<x>")));
  std::ofstream(file.folder() / name) << document;
  try {
    file.load();
  } catch (const CheckpointError& error) {
    EXPECT_EQ(error.file, (file.folder() / name).string());
    return error.item;
  }
  return "";
}

TEST(TokenizerRefusal, NamesTheKeyOfTokenizerConfigThatChangesIds) {
  const auto refused = [](const json& config) { return refusal_beside("tokenizer_config.json", config); };
  for (const char* key : {"split_special_tokens", "add_prefix_space", "do_lower_case"}) {
    EXPECT_EQ(refused({{key, true}}), key);
    EXPECT_EQ(refused({{key, false}}), "");
    EXPECT_EQ(refused({{key, nullptr}}), "");
  }
  EXPECT_EQ(refused({{"bos_token", "<x>"}, {"image_token", "<x>"}}), "");
  EXPECT_EQ(refused({{"image_token", "<y>"}}), "image_token");
  EXPECT_EQ(refused({{"additional_special_tokens", {"<x>"}}, {"eos_token", "<x>"}}), "");
  EXPECT_EQ(refused({{"additional_special_tokens", {"<x>", "<y>"}}}), "additional_special_tokens[1]");
  EXPECT_EQ(refused({{"pad_token", {{"content", "<y>"}}}}), "pad_token");
  EXPECT_EQ(refused({{"added_tokens_decoder", {{"11", added_token(11, "<x>")}}}}), "");
  EXPECT_EQ(refused({{"added_tokens_decoder", {{"12", added_token(12, "<x>")}}}}), "added_tokens_decoder.12");
  EXPECT_EQ(refused({{"added_tokens_decoder", {{"12", added_token(12, "<y>")}}}}), "added_tokens_decoder.12");
  json stripped = added_token(11, "<x>");
  stripped["lstrip"] = true;
  EXPECT_EQ(refused({{"added_tokens_decoder", {{"11", stripped}}}}), "added_tokens_decoder.11.lstrip");
  EXPECT_EQ(refused({{"bos_token", stripped}}), "");
  EXPECT_EQ(refused({{"added_tokens_decoder", {{"11", {{"content", "<x>"}}}}}}), "added_tokens_decoder.11");
  EXPECT_EQ(refused({{"legacy", true}, {"clean_up_tokenization_spaces", true}, {"chat_template", "x"}}), "");
}

TEST(TokenizerRefusal, NamesTheTokenOfAnOlderFile) {
  EXPECT_EQ(refusal_beside("added_tokens.json", {{"<x>", 11}}), "");
  EXPECT_EQ(refusal_beside("added_tokens.json", {{"<y>", 12}}), "<y>");
  EXPECT_EQ(refusal_beside("special_tokens_map.json", {{"bos_token", "<y>"}}), "bos_token");
}

}  // namespace
}  // namespace kvcompare
