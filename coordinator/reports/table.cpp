#include "coordinator/reports/table.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

#include "coordinator/reports/baseline_delta.h"

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

// Characters of UTF-8 text, each taken to be one column wide.
std::size_t display_width(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

// The first column is aligned left, the others right.
std::string aligned(const std::vector<Row>& rows) {
  std::vector<std::size_t> widths(rows.front().size(), 0);
  for (const Row& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], display_width(row[i]));
  std::string text;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    std::string line;
    for (std::size_t i = 0; i < widths.size(); ++i) {
      const std::string padding(widths[i] - display_width(rows[r][i]), ' ');
      line += i == 0 ? rows[r][i] + padding : "  " + padding + rows[r][i];
    }
    text += line + "\n";
    if (r == 0) text += std::string(display_width(line), '-') + "\n";
  }
  return text;
}

std::string heading(const Comparison& comparison) {
  const RunSpec& spec = comparison.spec;
  return spec.model_name + " on " + spec.data_path + "\n" + std::to_string(comparison.n_samples) +
         (comparison.n_samples == 1 ? " sample" : " samples") + ", chunk size " +
         std::to_string(spec.chunk_size) + (spec.dtype ? ", " + to_string(*spec.dtype) : "") +
         (spec.device_type.empty() ? "" : ", " + spec.device_type) + "\n\n";
}

std::string failures(const MethodResult& method) {
  std::string text;
  for (const FailedUnit& unit : method.failed)
    text += method.spec.display_name + ": sample " + std::to_string(unit.sample.value) + " failed after " +
            std::to_string(unit.n_attempts) + (unit.n_attempts == 1 ? " attempt: " : " attempts: ") +
            unit.reason + "\n";
  return text;
}

}  // namespace

std::string table(const Comparison& comparison) {
  std::vector<Row> rows{{"Method", "Perplexity", "Δ", "Δ %", "Avg NLL", "Kept", "Attended", "Peak keys"}};
  for (const MethodResult& method : comparison.methods) rows.push_back(table_row(comparison, method));
  std::string text = heading(comparison) + aligned(rows);
  if (!comparison.skipped.empty())
    text += "\nSkipped, shorter than two tokens: " + std::to_string(comparison.skipped.size()) + " of " +
            std::to_string(comparison.n_samples) + " samples\n";
  std::string failed;
  for (const MethodResult& method : comparison.methods) failed += failures(method);
  return text + (failed.empty() ? "" : "\n" + failed);
}

}  // namespace kvcompare
