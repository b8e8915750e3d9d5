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

  // Computes for each of these columns the sum of the weights that it received from the queries that count.
  //   sums : [columns.size()], written
  void sums(std::span<const std::int32_t> columns, std::span<double> sums) const;

  // Drops all columns but these, which keep their order. columns: ascending
  void keep(std::span<const std::int32_t> columns);

 private:
  const std::optional<std::int64_t> last_queries_;
  std::vector<std::vector<double>> rows_;  // a ring; one row that is the sum, if all queries count
  std::size_t oldest_ = 0;
};

}  // namespace kvcompare
