// What a page shows of the samples' texts.
#pragma once

#include <cstddef>
#include <optional>

#include "common/tokenizer/token_bytes.h"
#include "coordinator/journal/journal.h"
#include "coordinator/reports/page/report_page.h"

namespace kvcompare {

// Whether the page shows the first words of the samples' texts.
enum class Texts { kOmit, kShow };

inline constexpr std::size_t kWorstTokensOfPage = 20;  // of each instance

// With Texts::kShow the first words of the samples. If the run kept NLLs and tokens, the tokens that each
// instance predicts worst. What cannot be read is left out, with a warning in the log.
PageTexts page_texts(const Journal& journal, const Comparison& comparison, Texts texts);

// The tokenizer beside the run's model. Absent, with a warning in the log, if it cannot be read, or if it is
// not the one that the run tokenised its samples with.
std::optional<TokenBytes> tokenizer_of(const JournalHeader& header);

}  // namespace kvcompare
