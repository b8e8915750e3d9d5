// Ids of Hugging Face tokenizers and of llama.cpp, line by line.
#include <fstream>
#include <iostream>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "common/tokenizer/tokenizer.h"
#include "tests/support/assets.h"
#include "tests/support/json_tokenizer_file.h"

namespace kvcompare {
namespace {

using Ids = std::vector<TokenId>;

std::vector<nlohmann::json> read_lines(const std::filesystem::path& file) {
  std::ifstream stream(file);
  std::vector<nlohmann::json> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

struct Golden {
  const char* tokenizer;  // below KVCOMPARE_TEST_ASSETS
  const char* lines;
};

class TokenizerGolden : public testing::TestWithParam<Golden> {};

TEST_P(TokenizerGolden, GivesTheIdsOfTheReferenceOnEveryLine) {
  KVCOMPARE_SKIP_WITHOUT_ASSETS();
  const Tokenizer tokenizer = Tokenizer::load(*test_assets() / GetParam().tokenizer);
  const std::vector<nlohmann::json> lines = read_lines(*test_assets() / GetParam().lines);
  ASSERT_FALSE(lines.empty());
  std::size_t n_exact = 0;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const nlohmann::json& line = lines[i];
    const auto text = line.at("text").get<std::string>();
    const Ids ids = tokenizer.encode(text, Tokenizer::SpecialTokens::kOmit);
    const Ids ids_special = tokenizer.encode(text, Tokenizer::SpecialTokens::kAdd);
    const bool exact = ids == line.at("ids").get<Ids>() &&
                       (!line.contains("ids_special") || ids_special == line.at("ids_special").get<Ids>());
    n_exact += exact ? 1 : 0;
    EXPECT_TRUE(exact) << "line " << i + 1 << ": " << line.dump() << "\n got " << nlohmann::json(ids).dump()
                       << " and " << nlohmann::json(ids_special).dump();
  }
  const std::string score = std::to_string(n_exact) + "/" + std::to_string(lines.size());
  std::cout << GetParam().lines << " with " << GetParam().tokenizer << ": " << score << " exact\n";
  RecordProperty("exact", score);
}

INSTANTIATE_TEST_SUITE_P(
    Assets, TokenizerGolden,
    testing::Values(Golden{"tokenizers/qwen2", "tokenizers/qwen2/golden_hf.jsonl"},
                    Golden{"tokenizers/qwen2", "tokenizers/qwen2/golden_llamacpp.jsonl"},
                    Golden{"tokenizers/gpt2", "tokenizers/gpt2/golden_hf.jsonl"},
                    Golden{"tokenizers/llama2", "tokenizers/llama2/golden_hf.jsonl"},
                    Golden{"tokenizers/llama2", "tokenizers/llama2/golden_llamacpp.jsonl"},
                    Golden{"models/stories260K", "models/stories260K/golden_tokenizer.jsonl"},
                    Golden{"models/stories260K/tokenizer.merge_pairs.json",
                           "models/stories260K/golden_tokenizer.jsonl"},
                    Golden{"models/stories260K/tokenizer.exact-ws.json",
                           "models/stories260K/golden_tokenizer_-exact-ws.jsonl"}));

// Small tokenizers made by tests/golden/make_tokenizer_components.py.
struct Components {
  std::vector<std::string> texts;
  std::vector<nlohmann::json> bases;
  std::vector<nlohmann::json> tokenizers;
};

Components read_components() {
  Components components;
  for (nlohmann::json& line :
       read_lines(std::filesystem::path(KVCOMPARE_GOLDEN_FOLDER) / "tokenizer_components.jsonl")) {
    if (line.contains("texts")) {
      components.texts = line.at("texts").get<std::vector<std::string>>();
    } else if (line.contains("vocab")) {
      components.bases.push_back(std::move(line));
    } else {
      components.tokenizers.push_back(std::move(line));
    }
  }
  return components;
}

TEST(TokenizerComponents, GiveTheIdsOfHuggingFaceTokenizers) {
  const Components components = read_components();
  ASSERT_GT(components.tokenizers.size(), 70U);
  ASSERT_GT(components.texts.size(), 50U);
  for (const nlohmann::json& row : components.tokenizers) {
    const auto name = row.at("name").get<std::string>();
    nlohmann::json document = row.at("tokenizer");
    const nlohmann::json& base = components.bases.at(row.at("base").get<std::size_t>());
    for (const char* key : {"vocab", "merges"}) document["model"][key] = base.at(key);
    const Tokenizer tokenizer = TokenizerFile(document).load();
    const nlohmann::json& with_special = row.contains("ids_special") ? row.at("ids_special") : row.at("ids");
    std::size_t n_exact = 0;
    for (std::size_t i = 0; i < components.texts.size(); ++i) {
      const std::string& text = components.texts[i];
      const Ids ids = tokenizer.encode(text, Tokenizer::SpecialTokens::kOmit);
      const Ids ids_special = tokenizer.encode(text);
      n_exact +=
          ids == row.at("ids").at(i).get<Ids>() && ids_special == with_special.at(i).get<Ids>() ? 1 : 0;
      EXPECT_EQ(ids, row.at("ids").at(i).get<Ids>()) << name << ": " << nlohmann::json(text).dump();
      EXPECT_EQ(ids_special, with_special.at(i).get<Ids>()) << name << ": " << nlohmann::json(text).dump();
    }
    std::cout << name << ": " << n_exact << "/" << components.texts.size() << " exact\n";
    RecordProperty(name, std::to_string(n_exact) + "/" + std::to_string(components.texts.size()));
  }
}

}  // namespace
}  // namespace kvcompare
