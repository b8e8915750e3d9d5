#include "worker/cpu/head_pass.h"

#include <algorithm>

#include "worker/cpu/row_kernels.h"
#include "worker/cpu/tile_rows.h"

namespace kvcompare {

template <class T>
void add_logits(const FinalNorm& norm, const HeadBlock& block, Lane<T>& lane, UnitInFlight<T>& unit,
                std::int64_t begin) {
  const auto n = std::min(lane.n_rows, unit.n_tokens() - 1 - begin);
  if (n <= 0) return;
  const auto n_entries = block.weights.size(1);
  const auto hidden = matrix_in(lane.hidden, n, block.weights.size(0));
  const auto logits = matrix_in(lane.logits, n, n_entries);
  norm_rows<T>(unit.x.narrow(0, begin, n), norm.weight, norm.epsilon, hidden);
  lane.head_products.multiply(hidden, block.weights, logits);
  for (std::int64_t r = 0; r < n; ++r) {
    const auto i = static_cast<std::size_t>(begin + r);
    add_block(row<T>(logits, r), static_cast<std::size_t>(n_entries), unit.log_sums[i]);
    const auto target = unit.sample.ids[i + 1] - block.first_entry;
    if (target >= 0 && target < n_entries) unit.target_logits[i] = row<T>(logits, r)[target];
  }
}

template void add_logits(const FinalNorm&, const HeadBlock&, Lane<float>&, UnitInFlight<float>&,
                         std::int64_t);
template void add_logits(const FinalNorm&, const HeadBlock&, Lane<double>&, UnitInFlight<double>&,
                         std::int64_t);

}  // namespace kvcompare
