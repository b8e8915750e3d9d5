#include "coordinator/reports/scored_note.h"

#include <cstdint>

#include "common/plural.h"

namespace kvcompare {

std::string scored_flag(const Comparison& comparison) {
  if (comparison.spec.perplexity_windows) return "windows";
  return comparison.scores_ranges() ? "ranges" : "all";
}

std::string scored_note(const Comparison& comparison) {
  if (const auto& windows = comparison.spec.perplexity_windows)
    return "NLL and perplexity are over windows of " + counted(windows->n_tokens, "token") +
           " at a stride of " + std::to_string(windows->stride) +
           ": a token is scored in the first window that holds it behind another token";
  if (!comparison.scores_ranges()) return "";
  for (const auto& method : comparison.methods) {
    if (!method.totals) continue;
    std::int64_t n_predicted = 0;
    for (const auto& row : method.per_sample) n_predicted += row.numbers.n_tokens - 1;
    return "NLL and perplexity are over " + counted(method.totals->total_tokens, "scored token") + " of " +
           std::to_string(n_predicted) + ": those that the data names, not whole samples";
  }
  return "NLL and perplexity are over the scored tokens that the data names, not over whole samples";
}

}  // namespace kvcompare
