// Results of imaginary units, consistent in their counts.
#pragma once

#include "common/run/run_spec.h"
#include "common/run/unit_result.h"
#include "coordinator/journal/unit_table.h"

namespace kvcompare {

struct ImaginaryUnit {
  std::int64_t sample = 0;
  std::int64_t method = 0;
  std::int64_t n_tokens = 4;
  double total_nll = 3;
  std::int64_t n_evicted = 0;   // of n_tokens keys: one layer, one KV head
  std::int64_t n_withheld = 0;  // from scored queries
};

inline UnitResult imaginary_result(const ImaginaryUnit& unit) {
  UnitResult result;
  result.unit = {SampleIndex(unit.sample), MethodIndex(unit.method)};
  result.numbers = {.n_tokens = unit.n_tokens,
                    .total_nll = unit.total_nll,
                    .keys = {.original = unit.n_tokens,
                             .kept = unit.n_tokens - unit.n_evicted,
                             .attended = unit.n_tokens * (unit.n_tokens + 1) / 2 - unit.n_withheld,
                             .attendable = unit.n_tokens * (unit.n_tokens + 1) / 2,
                             .withheld_from_scored = unit.n_withheld,
                             .compressible = unit.n_tokens,
                             .compressible_kept = unit.n_tokens - unit.n_evicted,
                             .peak = unit.n_tokens}};
  // Of the default max_length. All is in the first bin: n_tokens is small.
  result.nll_by_position = {.bin_width = nll_bin_width(RunSpec{}.max_length),
                            .total_nll = {unit.total_nll},
                            .n_scored = {unit.n_tokens - 1}};
  result.kept = {.n_layers = 1, .n_kv_heads = 1, .per_head = {unit.n_tokens - unit.n_evicted}};
  for (std::int64_t j = unit.n_evicted; j < unit.n_tokens; ++j)
    ++result.kept.by_position[position_bin(j, unit.n_tokens)];
  return result;
}

}  // namespace kvcompare
