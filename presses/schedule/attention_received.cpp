#include "presses/schedule/attention_received.h"

#include <algorithm>
#include <utility>

namespace kvcompare {
namespace {

// sum may be shorter than row; it gets the columns that it lacks.
void add(const std::vector<double>& row, std::vector<double>& sum) {
  if (sum.size() < row.size()) sum.resize(row.size(), 0);
  for (std::size_t c = 0; c < row.size(); ++c) sum[c] += row[c];
}

// How many of the columns, which ascend, the row has.
std::size_t n_in(const std::vector<double>& row, std::span<const std::int32_t> columns) {
  const auto end = std::ranges::lower_bound(columns, static_cast<std::int32_t>(row.size()));
  return static_cast<std::size_t>(end - columns.begin());
}

// A stretch of columns that stay together.
struct Stretch {
  std::size_t from, to, n;
};

std::vector<Stretch> stretches_of(std::span<const std::int32_t> columns) {
  std::vector<Stretch> stretches;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const auto from = static_cast<std::size_t>(columns[i]);
    if (!stretches.empty() && stretches.back().from + stretches.back().n == from)
      ++stretches.back().n;
    else
      stretches.push_back({from, i, 1});
  }
  return stretches;
}

void keep_stretches(std::span<const Stretch> stretches, std::vector<double>& row) {
  std::size_t n_kept = 0;
  for (const auto& [from, to, n_whole] : stretches) {
    if (from >= row.size()) break;
    const auto n = std::min(n_whole, row.size() - from);
    if (from != to) std::copy_n(row.data() + from, n, row.data() + to);  // to the left
    n_kept = to + n;
  }
  row.resize(n_kept);
}

}  // namespace

AttentionReceived::AttentionReceived(std::optional<std::int64_t> last_queries) : last_queries_(last_queries) {
  if (!last_queries_) newer_.emplace_back();
}

std::span<double> AttentionReceived::next_row(std::size_t n_columns) {
  if (!last_queries_) {
    auto& sum = newer_.front();
    sum.resize(std::max(n_columns, sum.size()), 0);
    return std::span(sum).first(n_columns);
  }
  if (std::ssize(older_) + std::ssize(newer_) == *last_queries_) drop_oldest();
  if (!newer_.empty()) add(newer_.back(), newer_sum_);
  newer_.push_back(fresh_row(n_columns));
  return newer_.back();
}

void AttentionReceived::sums(std::span<const std::int32_t> columns, std::span<double> sums) const {
  static const Row kNone;
  const auto& older = older_.empty() ? kNone : older_.back();
  const auto& newest = newer_.empty() ? kNone : newer_.back();
  // A row that came later has no fewer columns.
  const auto n_older = n_in(older, columns), n_sum = std::max(n_older, n_in(newer_sum_, columns)),
             n_newest = n_in(newest, columns);
  const auto column = [&](std::size_t i) { return static_cast<std::size_t>(columns[i]); };
  std::size_t i = 0;
  if (n_in(newer_sum_, columns) == n_sum)
    for (; i < n_older; ++i) sums[i] = older[column(i)] + newer_sum_[column(i)] + newest[column(i)];
  else
    for (; i < n_older; ++i) sums[i] = older[column(i)] + newest[column(i)];
  for (; i < n_sum; ++i) sums[i] = newer_sum_[column(i)] + newest[column(i)];
  for (; i < n_newest; ++i) sums[i] = newest[column(i)];
  std::ranges::fill(sums.subspan(i), 0);
}

void AttentionReceived::keep(std::span<const std::int32_t> columns) {
  const auto stretches = stretches_of(columns);
  for (auto* stack : {&older_, &newer_})
    for (auto& row : *stack) keep_stretches(stretches, row);
  keep_stretches(stretches, newer_sum_);
}

void AttentionReceived::drop_oldest() {
  if (older_.empty()) turn_over();
  unused_.push_back(std::move(older_.back()));
  older_.pop_back();
}

// Costs an addition for each row and column; as a row is turned over once, that is one for each that comes.
void AttentionReceived::turn_over() {
  for (auto row = newer_.rbegin(); row != newer_.rend(); ++row) {
    if (!older_.empty()) add(older_.back(), *row);
    older_.push_back(std::move(*row));
  }
  newer_.clear();
  newer_sum_.clear();
}

AttentionReceived::Row AttentionReceived::fresh_row(std::size_t n_columns) {
  if (unused_.empty()) return Row(n_columns, 0);
  auto row = std::move(unused_.back());
  unused_.pop_back();
  row.assign(n_columns, 0);
  return row;
}

}  // namespace kvcompare
