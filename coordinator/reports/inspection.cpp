#include "coordinator/reports/inspection.h"

#include <algorithm>

#include "common/printable.h"
#include "common/tokenizer/shown_text.h"
#include "coordinator/reports/fitted_lines.h"
#include "coordinator/reports/number_text.h"

namespace kvcompare {
namespace {

constexpr std::size_t kLeastText = 24;   // columns, however narrow the terminal is
constexpr std::size_t kGap = 2;          // columns
constexpr std::size_t kShareBefore = 3;  // of kShares of the room go to what comes before the token
constexpr std::size_t kShares = 4;
constexpr std::size_t kMarks = 4;  // ⟦, ⟧, and two …

using Cells = std::vector<std::string>;

constexpr const char* kEvidence = "Evidence kept";

Cells numbers_of(const WorstToken& token, bool with_evidence) {
  Cells cells{delta_text(token.nll_delta()),      nll_text(token.nll),
              nll_text(token.nll_baseline),       token.kl ? kl_text(*token.kl) : "-",
              std::to_string(token.sample.value), std::to_string(token.position)};
  if (with_evidence) cells.push_back(token.evidence_kept ? share_text(*token.evidence_kept) : "-");
  return cells;
}

// Each aligned right in its column.
std::string line_of(const Cells& cells, const std::vector<std::size_t>& widths) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i)
    line += std::string((i > 0 ? kGap : 0) + widths[i] - display_width(cells[i]), ' ') + cells[i];
  return line + std::string(kGap, ' ');
}

std::string text_of(const TokenInText& text, const std::optional<std::size_t>& room) {
  if (!room) return text.before + "⟦" + text.token + "⟧" + text.after;
  const auto used = std::min(*room, display_width(text.token) + kMarks);
  const auto before = (*room - used) * kShareBefore / kShares;
  return last_characters(text.before, before) + "⟦" + first_characters(text.token, *room) + "⟧" +
         first_characters(text.after, *room - used - before);
}

}  // namespace

std::string inspection_text(const std::string& label, const std::vector<ShownToken>& tokens,
                            std::optional<std::size_t> width) {
  std::vector<Cells> rows{{"ΔNLL", "NLL", "Baseline", "KL", "Sample", "Position"}};
  const bool with_evidence =
      std::ranges::any_of(tokens, [](const auto& token) { return token.numbers.evidence_kept.has_value(); });
  if (with_evidence) rows[0].emplace_back(kEvidence);
  for (const auto& token : tokens) rows.push_back(numbers_of(token.numbers, with_evidence));
  std::vector<std::size_t> widths(rows[0].size());
  std::size_t n_columns = kGap * rows[0].size();
  for (std::size_t i = 0; i < widths.size(); ++i) {
    for (const auto& row : rows) widths[i] = std::max(widths[i], display_width(row[i]));
    n_columns += widths[i];
  }
  const auto room =
      width ? std::optional(std::max(kLeastText, *width - std::min(*width, n_columns))) : std::nullopt;
  std::string text = label + "\n" + line_of(rows[0], widths) + "Text\n";
  for (std::size_t i = 0; i < tokens.size(); ++i)
    text += line_of(rows[i + 1], widths) + text_of(tokens[i].text, room) + "\n";
  return printable(text);
}

}  // namespace kvcompare
