#include "coordinator/reports/table_tex.h"

#include <algorithm>
#include <vector>

#include "coordinator/comparison/instance_label.h"
#include "coordinator/reports/comparison_grid.h"
#include "coordinator/reports/instance_groups.h"
#include "coordinator/reports/scored_note.h"
#include "coordinator/reports/tex_text.h"

namespace kvcompare {
namespace {

// The columns for which a paper's page has room.
const std::vector<std::string> kShown{column::kPerplexity, column::kNllDelta, column::kNllInterval,
                                      column::kMeanKl,     column::kAnswers,  column::kEvidence,
                                      column::kKept,       column::kAttended, column::kPeakCache};

// Writes "1.5e+300" as 1.5 \cdot 10^{300}, wherever it stands in the text.
std::string with_powers_of_ten(const std::string& text) {
  std::string result;
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] != 'e') {
      result += text[i++];
      continue;
    }
    const auto end = std::min(text.find_first_not_of("0123456789", i + 2), text.size());
    result += " \\cdot 10^{" + std::to_string(std::stoi(text.substr(i + 1, end - i - 1))) + "}";
    i = end;
  }
  return result;
}

// Writes numbers as mathematics, so that their signs are printed well, and units and words as text.
std::string tex_cell(std::string cell) {
  if (cell == kNoValue) return "--";
  const bool is_marked = cell.ends_with(kNotDistinguishable);
  if (is_marked) cell.erase(cell.find_last_not_of(std::string(" ") + kNotDistinguishable) + 1);
  const std::string mark = is_marked ? "\\textsuperscript{a}" : "";
  if (cell.find_first_of("0123456789") == std::string::npos) return tex_text(cell) + mark;
  const auto end = cell.find_last_of("0123456789]") + 1;
  const auto unit = cell.substr(end);
  return "$" + with_powers_of_ten(cell.substr(0, end)) + "$" +
         (unit.starts_with(' ') ? "\\," + unit.substr(1) : tex_text(unit)) + mark;
}

std::string row_of(const std::string& label, const ComparisonGrid& grid,
                   const std::vector<std::string>& cells) {
  std::string line = label;
  for (std::size_t i = 0; i < grid.titles.size(); ++i)
    if (std::ranges::count(kShown, grid.titles[i]) > 0) line += " & " + tex_cell(cells[i]);
  return line + " \\\\\n";
}

std::string title_row(const ComparisonGrid& grid) {
  std::string line = "Method";
  for (const auto& title : grid.titles)
    if (std::ranges::count(kShown, title) > 0) line += " & " + tex_text(title);
  return line + " \\\\\n";
}

std::string rows(const Comparison& comparison, const ComparisonGrid& grid) {
  std::string text;
  for (const auto& group : instance_groups(comparison)) {
    if (!text.empty()) text += "\\addlinespace\n";
    for (const std::size_t place : group.places)
      text += row_of(tex_text(label_of(comparison.methods[place])), grid, grid.rows[place]);
  }
  return text;
}

}  // namespace

std::string table_tex(const Comparison& comparison) {
  const auto grid = comparison_grid(comparison);
  const auto n_shown = std::ranges::count_if(
      grid.titles, [](const auto& title) { return std::ranges::count(kShown, title) > 0; });
  std::string text =
      "% Made by kvcompare. In the preamble: \\usepackage{booktabs}; where the table is to stand: "
      "\\input{table.tex}\n"
      "% $\\Delta$NLL: nats a token more than the baseline, with its 95 % interval from a bootstrap over "
      "samples.\n";
  if (std::ranges::count(grid.titles, column::kMeanKl) > 0)
    text += "% Mean KL: divergence of the method's distribution from the baseline's, nats a token.\n";
  if (std::ranges::count(grid.titles, column::kAnswers) > 0)
    text += "% Answers: scored ranges that greedy generation would have written exactly, of all.\n";
  if (std::ranges::count(grid.titles, column::kEvidence) > 0)
    text +=
        "% Evidence kept: share of the keys of the stated evidence that are kept when a scored range is "
        "reached.\n";
  if (const auto reason = why_no_intervals(comparison); !reason.empty())
    text += "% There are no intervals: " + tex_text(reason) + "\n";
  const auto note = scored_note(comparison);
  if (!note.empty()) text += "% " + tex_text(note) + "\n";
  text += "\\begin{tabular}{l" + std::string(static_cast<std::size_t>(n_shown), 'r') + "}\n\\toprule\n" +
          title_row(grid) + "\\midrule\n" + rows(comparison, grid) + "\\bottomrule\n";
  for (std::size_t place = 0; place < comparison.methods.size(); ++place)
    if (is_not_distinguishable(comparison, place)) {
      text += "\\multicolumn{" + std::to_string(n_shown + 1) +
              "}{l}{\\footnotesize\\textsuperscript{a} not distinguishable from the baseline} \\\\\n";
      break;
    }
  if (!note.empty())
    text +=
        "\\multicolumn{" + std::to_string(n_shown + 1) + "}{l}{\\footnotesize " + tex_text(note) + "} \\\\\n";
  return text + "\\end{tabular}\n";
}

}  // namespace kvcompare
