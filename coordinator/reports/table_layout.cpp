#include "coordinator/reports/table_layout.h"

#include <algorithm>

#include "coordinator/reports/fitted_lines.h"

namespace kvcompare {
namespace {

constexpr std::size_t kGap = 2;  // between columns

std::vector<std::size_t> column_widths(const std::vector<TableRow>& rows) {
  std::vector<std::size_t> widths(rows.front().size(), 0);
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], display_width(row[i]));
  return widths;
}

}  // namespace

std::size_t table_width(const std::vector<TableRow>& rows) {
  std::size_t width = 0;
  for (const std::size_t column : column_widths(rows)) width += column + (width > 0 ? kGap : 0);
  return width;
}

TableRow leave_out_columns(std::vector<TableRow>& rows, std::size_t width,
                           const std::vector<std::string>& titles) {
  TableRow left_out;
  for (const auto& title : titles) {
    if (table_width(rows) <= width) break;
    const auto at = std::ranges::find(rows.front(), title) - rows.front().begin();
    if (at == std::ssize(rows.front())) continue;
    for (auto& row : rows)
      if (at < std::ssize(row)) row.erase(row.begin() + at);
    left_out.push_back(title);
  }
  return left_out;
}

std::string aligned(const std::vector<TableRow>& rows) {
  const auto widths = column_widths(rows);
  std::string text;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    std::string line;
    for (std::size_t i = 0; i < rows[r].size(); ++i) {
      const std::string padding(widths[i] - display_width(rows[r][i]), ' ');
      const bool is_last = i + 1 == rows[r].size();
      line += i == 0 ? rows[r][i] + (is_last ? "" : padding) : std::string(kGap, ' ') + padding + rows[r][i];
    }
    text += line + "\n";
    if (r == 0) text += std::string(display_width(line), '-') + "\n";
  }
  return text;
}

}  // namespace kvcompare
