#include "coordinator/reports/tokens_in_text.h"

#include <algorithm>
#include <span>
#include <string>

#include "common/errors.h"
#include "common/tokenizer/shown_text.h"

namespace kvcompare {
namespace {

// Tokens of which the characters before and after are made; most are longer than one character.
constexpr std::int64_t kTokensBefore = 60, kTokensAfter = 30;

std::string text_of(std::span<const TokenId> ids, const std::optional<TokenBytes>& bytes) {
  std::string text;
  for (const TokenId id : ids) {
    const auto known = bytes ? bytes->of(id) : std::nullopt;
    text += known ? std::string(*known) : "<" + std::to_string(id) + ">";
  }
  return shown_text(text);
}

TokenInText in_text(std::span<const TokenId> ids, std::int64_t position,
                    const std::optional<TokenBytes>& bytes) {
  const auto n = std::ssize(ids);
  const auto part = [&](std::int64_t begin, std::int64_t end) {
    begin = std::max<std::int64_t>(begin, 0);
    return text_of(ids.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin)),
                   bytes);
  };
  auto before = last_characters(part(position - kTokensBefore, position), kCharactersBefore);
  if (position > kTokensBefore && !before.starts_with("…")) before = "…" + before;
  const auto end = std::min(n, position + 1 + kTokensAfter);
  auto after = first_characters(part(position + 1, end), kCharactersAfter);
  if (end < n && !after.ends_with("…")) after += "…";
  return {before, part(position, position + 1), after};
}

}  // namespace

std::vector<ShownToken> in_text(const std::vector<WorstToken>& tokens, const ReadTokens& read_tokens,
                                const std::optional<TokenBytes>& bytes) {
  std::vector<ShownToken> shown;
  for (const WorstToken& token : tokens) {
    const auto sample = read_tokens(token.sample);
    require(sample && token.position < std::ssize(sample->ids), "a token is one of its sample");
    shown.push_back({token, in_text(sample->ids, token.position, bytes)});
  }
  return shown;
}

}  // namespace kvcompare
