#pragma once

#include "coordinator/comparison/comparison.h"

namespace kvcompare {

struct RowKeys {
  std::int64_t original = 0;
  std::int64_t kept = 0;
  std::int64_t attended = 0;
  std::int64_t attendable = 0;
  std::int64_t peak = 0;
};

inline SampleRow row(std::int64_t sample, std::int64_t n_scored, double total_nll, const RowKeys& keys) {
  return {SampleIndex(sample),
          {.n_tokens = n_scored + 1,
           .total_nll = total_nll,
           .keys = {.original = keys.original,
                    .kept = keys.kept,
                    .attended = keys.attended,
                    .attendable = keys.attendable,
                    .peak = keys.peak}}};
}

}  // namespace kvcompare
