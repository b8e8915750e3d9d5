#include "launch/session/page_texts.h"

#include <filesystem>

#include "common/errors.h"
#include "common/files/hub_cache.h"
#include "common/files/sha256.h"
#include "common/log.h"
#include "coordinator/reports/tokens_in_text.h"
#include "launch/session/texts_of_samples.h"

namespace kvcompare {
namespace {

constexpr const char* kIdsInstead = "; token ids are shown instead of texts";

}  // namespace

std::optional<TokenBytes> tokenizer_of(const JournalHeader& header) {
  try {
    const auto file = resolve_model("model_name", header.places.model_name) / "tokenizer.json";
    const auto expected = inputs_of(header.identity).tokenizer;
    if (!expected.empty() && sha256_of_file(file) != expected) {
      log_warning(file.string() + " is not the tokenizer that the run used" + kIdsInstead);
      return std::nullopt;
    }
    return TokenBytes::load(file);
  } catch (const Error& error) {
    log_warning(error.what() + std::string(kIdsInstead));
    return std::nullopt;
  }
}

PageTexts page_texts(const Journal& journal, const Comparison& comparison, Texts texts) {
  PageTexts shown;
  if (texts == Texts::kShow) shown.first_words = texts_of_samples(journal.header());
  if (!comparison.spec.save_tokens || !comparison.spec.save_token_nll) return shown;
  const auto bytes = tokenizer_of(journal.header());
  const auto read = read_run(journal);
  for (std::size_t m = 0; m < comparison.methods.size(); ++m)
    shown.worst_tokens.push_back(
        in_text(worst_tokens(comparison, m, kWorstTokensOfPage, read), read.tokens, bytes));
  return shown;
}

}  // namespace kvcompare
