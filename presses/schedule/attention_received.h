// The attention that the keys of one KV head have received. Either all queries so far count, or only the last
// few.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace kvcompare {

// A column is a key. New keys are appended as last columns; keep() drops columns.
class AttentionReceived {
 public:
  // last_queries: how many count, at least 1; all if absent.
  explicit AttentionReceived(std::optional<std::int64_t> last_queries);

  // Returns the row of the next query. The caller adds to it the weights that this query gives to the first
  // n_columns keys. n_columns never falls from one query to the next, unless keep() is called in between.
  std::span<double> next_row(std::size_t n_columns);

  // Computes for each of these columns, which ascend, the sum of the weights that it received from the
  // queries that count.
  //   sums : [columns.size()], written
  void sums(std::span<const std::int32_t> columns, std::span<double> sums) const;

  // Drops all columns but these, which keep their order. columns: ascending
  void keep(std::span<const std::int32_t> columns);

 private:
  using Row = std::vector<double>;

  void drop_oldest();
  void turn_over();
  Row fresh_row(std::size_t n_columns);

  const std::optional<std::int64_t> last_queries_;
  // If all queries count: one row, their sum. If the last few do, rows stand in two stacks, so that no sum is
  // ever made by subtracting. Rows that have come since the last turn-over are newer_, and newer_sum_ is the
  // sum of all of them but the last. Of the rows before, older_.back() is the sum of all that still count,
  // the one below it the sum of all but the oldest of these, and so on. A row lacks the columns of younger
  // keys.
  std::vector<Row> newer_;
  Row newer_sum_;
  std::vector<Row> older_;
  std::vector<Row> unused_;  // memory of rows that no longer count
};

}  // namespace kvcompare
