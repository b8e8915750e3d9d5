// Tokenizer classes of transformers 5 that do not read tokenizer.json as a whole.
#pragma once

#include <optional>
#include <string>

#include <nlohmann/json.hpp>

namespace kvcompare {

struct RebuiltTokenizer {
  std::string tokenizer_class;  // "LlamaTokenizer"
  std::string part;  // of tokenizer.json, that the class replaces by something else: "pre_tokenizer"
};

// Such a class takes vocabulary, merges and post-processor from tokenizer.json, and brings a normalizer and a
// pre-tokenizer of its own. AutoTokenizer chooses the class by "tokenizer_class" of tokenizer_config.json
// (else of config.json) and by the model type. Returns nothing if AutoTokenizer reads tokenizer.json itself,
// or if what the class rebuilds is the same. The three arguments: the documents; an empty object for one that
// does not exist. Source: transformers 5.23, models/auto/tokenization_auto.py and the classes themselves.
std::optional<RebuiltTokenizer> rebuilt_otherwise(const nlohmann::json& tokenizer,
                                                  const nlohmann::json& tokenizer_config,
                                                  const nlohmann::json& model_config);

}  // namespace kvcompare
