#include "presses/schedule/attention_received.h"

#include <algorithm>

namespace kvcompare {

AttentionReceived::AttentionReceived(std::optional<std::int64_t> last_queries) : last_queries_(last_queries) {
  if (!last_queries_) rows_.emplace_back();
}

std::span<double> AttentionReceived::next_row(std::size_t n_columns) {
  if (!last_queries_) {
    rows_.front().resize(std::max(n_columns, rows_.front().size()), 0);
    return std::span(rows_.front()).first(n_columns);
  }
  if (std::ssize(rows_) < *last_queries_) {
    rows_.emplace_back(n_columns, 0);
    return rows_.back();
  }
  auto& row = rows_[oldest_];
  oldest_ = (oldest_ + 1) % rows_.size();
  row.assign(n_columns, 0);
  return row;
}

void AttentionReceived::sums(std::span<const std::int32_t> columns, std::span<double> sums) const {
  std::ranges::fill(sums, 0);
  for (const auto& row : rows_)
    for (std::size_t i = 0; i < columns.size(); ++i)
      if (const auto column = static_cast<std::size_t>(columns[i]); column < row.size())
        sums[i] += row[column];
}

void AttentionReceived::keep(std::span<const std::int32_t> columns) {
  for (auto& row : rows_) {
    std::size_t n = 0;
    for (const auto column : columns)
      if (static_cast<std::size_t>(column) < row.size()) row[n++] = row[static_cast<std::size_t>(column)];
    row.resize(n);
  }
}

}  // namespace kvcompare
