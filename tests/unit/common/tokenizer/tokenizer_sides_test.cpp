// Files beside tokenizer.json: what AutoTokenizer of transformers makes of them is refused or told, never
// ignored. The folders are made by tests/golden/make_tokenizer_sides.py.
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "common/errors.h"
#include "common/tokenizer/tokenizer.h"
#include "tests/support/json_tokenizer_file.h"

namespace kvcompare {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Folders {
  std::vector<std::string> texts;
  std::map<std::string, json> bases;  // by name
  std::vector<json> folders;
};

Folders read_folders() {
  Folders all;
  std::ifstream file(std::filesystem::path(KVCOMPARE_GOLDEN_FOLDER) / "tokenizer_sides.jsonl");
  for (std::string line; std::getline(file, line);) {
    auto row = json::parse(line);
    if (row.contains("texts"))
      all.texts = row["texts"].get<std::vector<std::string>>();
    else if (row.contains("tokenizer"))
      all.bases.emplace(row["base"].get<std::string>(), row);
    else
      all.folders.push_back(std::move(row));
  }
  return all;
}

TEST(TokenizerSides, EveryFolderWhoseIdsTransformersChangesIsRefusedOrWarnedOf) {
  const auto all = read_folders();
  ASSERT_EQ(all.bases.size(), 5U);
  int n_changed = 0;
  for (const auto& row : all.folders) {
    const auto& base = all.bases.at(row["base"].get<std::string>());
    const TokenizerFile file(base["tokenizer"]);
    for (const auto& [name, document] : row["files"].items()) std::ofstream(file.folder() / name) << document;
    const bool changes = !row["differs"].empty();
    n_changed += changes ? 1 : 0;
    try {
      const auto tokenizer = file.load();
      EXPECT_TRUE(!changes || !tokenizer.warnings().empty()) << row;
      for (std::size_t i = 0; i < all.texts.size(); ++i)
        EXPECT_EQ(tokenizer.encode(all.texts[i]), base["ids"][i].get<std::vector<TokenId>>()) << row;
    } catch (const CheckpointError& error) {
      // Options that another version of transformers would follow are refused too.
      EXPECT_TRUE(changes || error.item == "add_prefix_space" || error.item == "<extra>" ||
                  error.item == "unk_token" || error.item == "additional_special_tokens[0]")
          << row << error.what();
    }
  }
  EXPECT_GT(n_changed, 80);
}

// Where a rebuilt tokenizer is the same, a warning would teach people to overlook warnings.
TEST(TokenizerSides, ATokenizerThatTransformersRebuildsAsItIsGetsNoWarning) {
  const std::map<std::string, std::string> own_class{{"rebuilt", "LlamaTokenizer"},
                                                     {"gemma", "GemmaTokenizer"},
                                                     {"gpt2", "GPT2Tokenizer"},
                                                     {"qwen2", "Qwen2Tokenizer"}};
  const auto all = read_folders();
  std::set<std::string> seen;
  for (const auto& row : all.folders) {
    const auto kind = row["class"].get<std::string>(), base = row["base"].get<std::string>();
    const auto name = row["name"].get<std::string>();
    const auto own = own_class.find(base);
    if (own == own_class.end() || own->second != kind || !row["differs"].empty()) continue;
    if (name.ends_with("add bos") || name.ends_with("default tokens")) continue;
    const TokenizerFile file(all.bases.at(base)["tokenizer"]);
    for (const auto& [beside, document] : row["files"].items())
      std::ofstream(file.folder() / beside) << document;
    EXPECT_THAT(file.load().warnings(), IsEmpty()) << row;
    seen.insert(kind);
  }
  EXPECT_EQ(seen.size(), own_class.size());
}

// A tokenizer with the added token "<x>" (id 11), which a template puts before texts if `adds` is set.
std::vector<std::string> warnings_with(bool adds, const json& config) {
  auto document = small_tokenizer();
  document["added_tokens"] = {added_token(11, "<x>")};
  if (adds)
    document["post_processor"] = {
        {"type", "TemplateProcessing"},
        {"single", json::array({{{"SpecialToken", {{"id", "<x>"}, {"type_id", 0}}}},
                                {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}})},
        {"pair", json::array()},
        {"special_tokens", {{"<x>", {{"id", "<x>"}, {"ids", {11}}, {"tokens", {"<x>"}}}}}}};
  const TokenizerFile file(document);
  std::ofstream(file.folder() / "tokenizer_config.json") << config;
  return file.load().warnings();
}

TEST(TokenizerSides, ABeginTokenThatOneFileAddsAndTheOtherDoesNotIsTold) {
  const json wanted{{"add_bos_token", true}, {"bos_token", "<x>"}};
  const json unwanted{{"add_bos_token", false}, {"bos_token", "<x>"}};
  EXPECT_THAT(warnings_with(false, wanted),
              ElementsAre(AllOf(HasSubstr("tokenizer_config.json: add_bos_token is true"),
                                HasSubstr("\"<x>\" before a text"), HasSubstr("post_processor"))));
  EXPECT_THAT(warnings_with(true, unwanted), ElementsAre(HasSubstr("add_bos_token is false")));
  EXPECT_THAT(warnings_with(true, wanted), IsEmpty());
  EXPECT_THAT(warnings_with(false, unwanted), IsEmpty());
  EXPECT_THAT(warnings_with(true, json::object()), IsEmpty());
}

TEST(TokenizerSides, ATokenizerInPythonAndFilesOfVersionsAreNamed) {
  EXPECT_THAT(warnings_with(false, {{"auto_map", {{"AutoTokenizer", {"a.B", nullptr}}}}}),
              ElementsAre(HasSubstr("auto_map")));
  EXPECT_THAT(warnings_with(false, {{"fast_tokenizer_files", {"tokenizer.json"}}}), IsEmpty());
  EXPECT_THROW(warnings_with(false, {{"fast_tokenizer_files", {"tokenizer.4.0.0.json", "tokenizer.json"}}}),
               CheckpointError);
}

}  // namespace
}  // namespace kvcompare
