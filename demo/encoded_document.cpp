#include "demo/encoded_document.h"

namespace kvcompare::demo {

EncodedDocument DocumentEncoder::encode(const Document& document) {
  EncodedDocument encoded;
  const auto append = [&](const std::vector<TokenId>& ids, bool is_answer) {
    encoded.ids.insert(encoded.ids.end(), ids.begin(), ids.end());
    encoded.is_answer.insert(encoded.is_answer.end(), ids.size(), is_answer ? 1 : 0);
  };
  append(tokenizer_.encode(""), false);  // the tokens that the tokenizer puts at the beginning
  for (const Piece& piece : document) {
    auto [known, is_new] = ids_of_piece_.try_emplace(piece.text);
    if (is_new) known->second = tokenizer_.encode(piece.text, Tokenizer::SpecialTokens::kOmit);
    append(known->second, piece.is_answer);
  }
  return encoded;
}

}  // namespace kvcompare::demo
