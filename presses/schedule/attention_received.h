// What the keys of one KV head were given by the queries that count: by all so far, or by the last few.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace kvcompare {

// Columns are keys. New ones come last; keep() drops some.
class AttentionReceived {
 public:
  // last_queries: how many count, at least 1; all if absent.
  explicit AttentionReceived(std::optional<std::int64_t> last_queries);

  // Where the next query adds the weights that it gives to the first n_columns; there are no fewer than
  // before.
  std::span<double> next_row(std::size_t n_columns);

  // The sum over the queries that count of what each of these columns was given.
  //   sums : [columns.size()], written
  void sums(std::span<const std::int32_t> columns, std::span<double> sums) const;

  // Only these columns stay, in this order. columns: ascending
  void keep(std::span<const std::int32_t> columns);

 private:
  const std::optional<std::int64_t> last_queries_;
  std::vector<std::vector<double>> rows_;  // a ring; one row that is the sum, if all queries count
  std::size_t oldest_ = 0;
};

}  // namespace kvcompare
