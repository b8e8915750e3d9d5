// A tokenizer.json that exists as long as this object.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <nlohmann/json.hpp>
#include <unistd.h>

#include "common/tokenizer/tokenizer.h"

namespace kvcompare {

class TokenizerFile {
 public:
  explicit TokenizerFile(const std::string& text) : folder_(new_folder()) {
    std::ofstream(folder_ / "tokenizer.json", std::ios::binary) << text;
  }
  explicit TokenizerFile(const nlohmann::json& document) : TokenizerFile(document.dump()) {}
  ~TokenizerFile() { std::filesystem::remove_all(folder_); }
  TokenizerFile(const TokenizerFile&) = delete;
  TokenizerFile& operator=(const TokenizerFile&) = delete;

  const std::filesystem::path& folder() const { return folder_; }
  Tokenizer load() const { return Tokenizer::load(folder_); }

 private:
  static std::filesystem::path new_folder() {
    std::string name = (std::filesystem::temp_directory_path() / "kvcompare-tokenizer-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make the folder " + name);
    return name;
  }
  std::filesystem::path folder_;
};

// A byte-pair model with one token for each character of "abc ▁-12", and the merges "a b" and "ab c".
inline nlohmann::json small_tokenizer() {
  nlohmann::json document = {{"version", "1.0"},          {"truncation", nullptr},
                             {"padding", nullptr},        {"added_tokens", nlohmann::json::array()},
                             {"normalizer", nullptr},     {"pre_tokenizer", nullptr},
                             {"post_processor", nullptr}, {"decoder", nullptr}};
  document["model"] = {{"type", "BPE"},
                       {"dropout", nullptr},
                       {"unk_token", "<unk>"},
                       {"continuing_subword_prefix", nullptr},
                       {"end_of_word_suffix", nullptr},
                       {"fuse_unk", false},
                       {"byte_fallback", false},
                       {"ignore_merges", false},
                       {"vocab",
                        {{"<unk>", 0},
                         {"a", 1},
                         {"b", 2},
                         {"c", 3},
                         {" ", 4},
                         {"▁", 5},
                         {"-", 6},
                         {"1", 7},
                         {"2", 8},
                         {"ab", 9},
                         {"abc", 10}}},
                       {"merges", {"a b", "ab c"}}};
  return document;
}

// An entry of "added_tokens" without flags.
inline nlohmann::json added_token(int id, const std::string& content) {
  return {{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
          {"rstrip", false}, {"normalized", false}, {"special", false}};
}

}  // namespace kvcompare
