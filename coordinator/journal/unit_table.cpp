#include "coordinator/journal/unit_table.h"

namespace kvcompare {

UnitSummary summary_of(const UnitResult& result) {
  const auto& keys = result.keys;
  return {.n_tokens = result.n_tokens,
          .total_nll = result.total_nll,
          .keys_original = keys.original,
          .keys_kept = keys.kept(),
          .attended = keys.attended,
          .attendable = keys.attendable,
          .withheld_from_scored = keys.withheld_from_scored,
          .compressible = keys.compressible,
          .compressible_kept = keys.compressible_kept,
          .peak = keys.peak,
          .seconds = result.seconds};
}

}  // namespace kvcompare
