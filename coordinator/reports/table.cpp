#include "coordinator/reports/table.h"

#include <algorithm>
#include <vector>

#include "common/plural.h"
#include "common/printable.h"
#include "coordinator/comparison/instance_label.h"
#include "coordinator/reports/comparison_grid.h"
#include "coordinator/reports/equal_density_table.h"
#include "coordinator/reports/fitted_lines.h"
#include "coordinator/reports/instance_groups.h"
#include "coordinator/reports/protocol_text.h"
#include "coordinator/reports/scored_note.h"
#include "coordinator/reports/table_layout.h"

namespace kvcompare {
namespace {

// Columns that may be left out, the least important first.
const std::vector<std::string> kMayBeLeftOut{
    column::kAvgNll,      column::kAttended,    column::kPeakKeys, column::kPplDelta, column::kPeakCache,
    column::kSameTop1,    column::kPplDeltaPct, column::kMeanKl,   column::kEvidence, column::kKept,
    column::kNllInterval, column::kNllDelta,    column::kAnswers};

// If some values of a column have a mark, pads the others so that their digits end in the same place.
void align_marks(ComparisonGrid& grid) {
  const auto at = std::ranges::find(grid.titles, column::kNllDelta) - grid.titles.begin();
  if (at == std::ssize(grid.titles)) return;
  const auto is_marked = [&](const auto& row) {
    return row[static_cast<std::size_t>(at)].ends_with(kNotDistinguishable);
  };
  if (std::ranges::none_of(grid.rows, is_marked)) return;
  for (auto& row : grid.rows)
    if (!is_marked(row)) row[static_cast<std::size_t>(at)] += "  ";
}

std::vector<TableRow> table_rows(const Comparison& comparison) {
  auto grid = comparison_grid(comparison);
  align_marks(grid);
  std::vector<TableRow> rows{{"Method"}};
  rows[0].insert(rows[0].end(), grid.titles.begin(), grid.titles.end());
  for (const auto& group : instance_groups(comparison)) {
    const bool has_heading = group.places.size() > 1;
    if (has_heading) rows.push_back({group.method_name});
    for (const std::size_t place : group.places) {
      const auto& method = comparison.methods[place];
      rows.push_back({has_heading ? "  " + setting_of(method) : label_of(method)});
      rows.back().insert(rows.back().end(), grid.rows[place].begin(), grid.rows[place].end());
    }
  }
  return rows;
}

std::string named(const TableRow& left_out) {
  if (left_out.empty()) return "";
  std::string text = "\nNot shown, because the terminal is narrow: ";
  for (std::size_t i = 0; i < left_out.size(); ++i) text += (i > 0 ? ", " : "") + left_out[i];
  return text + " (all are in detailed_results.json)\n";
}

std::string heading(const Comparison& comparison) {
  const RunSpec& spec = comparison.spec;
  return spec.model_name + " on " + spec.data_path + "\n" + counted(comparison.n_samples, "sample") + ", " +
         protocol_words(spec) + (spec.dtype ? ", " + to_string(*spec.dtype) : "") +
         (spec.device_type.empty() ? "" : ", " + spec.device_type) + "\n\n";
}

// Explains the marks, and says why there are no intervals.
std::string legend(const Comparison& comparison) {
  std::string text;
  for (std::size_t place = 0; place < comparison.methods.size() && text.empty(); ++place)
    if (is_not_distinguishable(comparison, place))
      text = "\n" + std::string(kNotDistinguishable) + " not distinguishable from the baseline\n";
  if (const auto reason = why_no_intervals(comparison); !reason.empty())
    text += "\nNo intervals: " + reason + "\n";
  if (const auto note = scored_note(comparison); !note.empty()) text += "\n" + note + "\n";
  return text;
}

std::string failures(const MethodResult& method) {
  std::string text;
  for (const FailedUnit& unit : method.failed)
    text += label_of(method) + ": sample " + std::to_string(unit.sample.value) + " failed after " +
            counted(unit.n_attempts, "attempt") + ": " + unit.reason + "\n";
  return text;
}

}  // namespace

std::string table(const Comparison& comparison, std::optional<std::size_t> width) {
  auto rows = table_rows(comparison);
  const auto left_out = width ? leave_out_columns(rows, *width, kMayBeLeftOut) : TableRow{};
  std::string text = heading(comparison) + aligned(rows) + legend(comparison) + named(left_out) +
                     equal_density_table(comparison.statistics, width);
  if (!comparison.skipped.empty())
    text += "\nSkipped, without a scored token: " + std::to_string(comparison.skipped.size()) + " of " +
            counted(comparison.n_samples, "sample") + "\n";
  if (!comparison.warnings.empty()) text += "\n";
  for (const Warning& warning : comparison.warnings) text += "Warning: " + warning.text + "\n";
  std::string failed;
  for (const MethodResult& method : comparison.methods) failed += failures(method);
  text += failed.empty() ? "" : "\n" + failed;
  text = printable(text);
  return width ? fitted_lines(text, *width) : text;
}

}  // namespace kvcompare
