// Tokens as they stand in the texts of the samples.
#pragma once

#include <optional>
#include <vector>

#include "common/tokenizer/token_bytes.h"
#include "coordinator/reports/worst_tokens.h"

namespace kvcompare {

// Returns each token with about kCharactersBefore characters before it and kCharactersAfter after it.
//   bytes : of the tokenizer that the samples were tokenised with. Absent: token ids stand in the place of
//   texts
std::vector<ShownToken> in_text(const std::vector<WorstToken>& tokens, const ReadTokens& read_tokens,
                                const std::optional<TokenBytes>& bytes);

inline constexpr std::size_t kCharactersBefore = 60;
inline constexpr std::size_t kCharactersAfter = 30;

}  // namespace kvcompare
