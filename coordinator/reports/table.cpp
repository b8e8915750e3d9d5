#include "coordinator/reports/table.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

#include "common/plural.h"
#include "coordinator/reports/baseline_delta.h"
#include "coordinator/reports/fitted_lines.h"

namespace kvcompare {
namespace {

constexpr const char* kAbsent = "-";

using Row = std::vector<std::string>;

template <class Number>
std::string formatted(const char* format, Number value) {
  const int length = std::snprintf(nullptr, 0, format, value);
  std::string text(static_cast<std::size_t>(length) + 1, '\0');
  std::snprintf(text.data(), text.size(), format, value);
  text.pop_back();
  return text;
}

std::string perplexity_text(double perplexity) {
  if (!std::isfinite(perplexity)) return "overflow";
  return formatted(perplexity < 1e6 ? "%.4f" : "%.4e", perplexity);
}

std::string delta_text(double delta) { return formatted(std::abs(delta) < 1e6 ? "%+.4f" : "%+.4e", delta); }

std::string percent_text(double percent) {
  return formatted(std::abs(percent) < 1e6 ? "%+.2f%%" : "%+.2e%%", percent);
}

Row table_row(const Comparison& comparison, const MethodResult& method) {
  const std::string& name = method.spec.display_name;
  if (!method.totals) return {name, "failed", kAbsent, kAbsent, kAbsent, kAbsent, kAbsent, kAbsent};
  const Totals& totals = *method.totals;
  const auto delta = &method == &comparison.methods[0] ? std::nullopt : baseline_delta(comparison, method);
  return {name,
          perplexity_text(totals.perplexity),
          delta ? delta_text(delta->ppl_delta) : kAbsent,
          delta ? percent_text(delta->ppl_delta_pct) : kAbsent,
          formatted("%.6f", totals.avg_nll),
          formatted("%.2f%%", 100 * (1 - totals.avg_compression_ratio)),
          formatted("%.2f%%", 100 * totals.attended_density),
          std::to_string(totals.peak_keys)};
}

constexpr std::size_t kGap = 2;  // between columns

std::vector<std::size_t> column_widths(const std::vector<Row>& rows) {
  std::vector<std::size_t> widths(rows.front().size(), 0);
  for (const Row& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], display_width(row[i]));
  return widths;
}

// Takes columns out of the rows until a line has `width` characters, or only method and perplexity are left.
// Returns the titles of those taken out.
Row leave_out_columns(std::vector<Row>& rows, std::size_t width) {
  Row left_out;
  for (const char* title : {"Avg NLL", "Attended", "Peak keys", "Δ", "Kept", "Δ %"}) {
    std::size_t needed = 0;
    for (const std::size_t column : column_widths(rows)) needed += column + (needed > 0 ? kGap : 0);
    if (needed <= width) break;
    const auto at = std::find(rows.front().begin(), rows.front().end(), title) - rows.front().begin();
    for (Row& row : rows) row.erase(row.begin() + at);
    left_out.emplace_back(title);
  }
  return left_out;
}

// The first column is aligned left, the others right.
std::string aligned(const std::vector<Row>& rows) {
  const std::vector<std::size_t> widths = column_widths(rows);
  std::string text;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    std::string line;
    for (std::size_t i = 0; i < widths.size(); ++i) {
      const std::string padding(widths[i] - display_width(rows[r][i]), ' ');
      line += i == 0 ? rows[r][i] + padding : std::string(kGap, ' ') + padding + rows[r][i];
    }
    text += line + "\n";
    if (r == 0) text += std::string(display_width(line), '-') + "\n";
  }
  return text;
}

std::string named(const Row& left_out) {
  if (left_out.empty()) return "";
  std::string text = "\nNot shown, because the terminal is narrow: ";
  for (std::size_t i = 0; i < left_out.size(); ++i) text += (i > 0 ? ", " : "") + left_out[i];
  return text + " (all are in detailed_results.json)\n";
}

std::string heading(const Comparison& comparison) {
  const RunSpec& spec = comparison.spec;
  return spec.model_name + " on " + spec.data_path + "\n" + counted(comparison.n_samples, "sample") +
         ", chunk size " + std::to_string(spec.chunk_size) +
         (spec.dtype ? ", " + to_string(*spec.dtype) : "") +
         (spec.device_type.empty() ? "" : ", " + spec.device_type) + "\n\n";
}

std::string failures(const MethodResult& method) {
  std::string text;
  for (const FailedUnit& unit : method.failed)
    text += method.spec.display_name + ": sample " + std::to_string(unit.sample.value) + " failed after " +
            counted(unit.n_attempts, "attempt") + ": " + unit.reason + "\n";
  return text;
}

}  // namespace

std::string table(const Comparison& comparison, std::optional<std::size_t> width) {
  std::vector<Row> rows{{"Method", "Perplexity", "Δ", "Δ %", "Avg NLL", "Kept", "Attended", "Peak keys"}};
  for (const MethodResult& method : comparison.methods) rows.push_back(table_row(comparison, method));
  const Row left_out = width ? leave_out_columns(rows, *width) : Row{};
  std::string text = heading(comparison) + aligned(rows) + named(left_out);
  if (!comparison.skipped.empty())
    text += "\nSkipped, shorter than two tokens: " + std::to_string(comparison.skipped.size()) + " of " +
            counted(comparison.n_samples, "sample") + "\n";
  if (!comparison.warnings.empty()) text += "\n";
  for (const Warning& warning : comparison.warnings) text += "Warning: " + warning.text + "\n";
  std::string failed;
  for (const MethodResult& method : comparison.methods) failed += failures(method);
  text += failed.empty() ? "" : "\n" + failed;
  return width ? fitted_lines(text, *width) : text;
}

}  // namespace kvcompare
