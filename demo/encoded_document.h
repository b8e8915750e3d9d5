// Turns documents into token ids.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/tokenizer/tokenizer.h"
#include "demo/document.h"

namespace kvcompare::demo {

struct EncodedDocument {
  std::vector<TokenId> ids;     // equal to Tokenizer::encode(text_of(document))
  std::vector<char> is_answer;  // for each token
};

// Tokenises each distinct piece once. This is right because the demo's tokenizer never joins two pieces in
// one token.
class DocumentEncoder {
 public:
  explicit DocumentEncoder(Tokenizer tokenizer) : tokenizer_(std::move(tokenizer)) {}
  EncodedDocument encode(const Document& document);
  std::int64_t vocab_size() const { return tokenizer_.vocab_size(); }

 private:
  Tokenizer tokenizer_;
  std::unordered_map<std::string, std::vector<TokenId>> ids_of_piece_;
};

}  // namespace kvcompare::demo
