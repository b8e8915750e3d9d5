// Results that nobody computed, and that keep all laws: a reader of the journal takes them for real ones.
#pragma once

#include <cstdint>

#include "common/run/unit_result.h"

namespace kvcompare {

struct ImaginaryModel {
  std::int64_t n_layers = 32;
  std::int64_t n_kv_heads = 8;
};

// Of a method that evicts about half of the keys of every head, or of the baseline. Every number has as many
// digits as real ones have. With an even seed heads keep different numbers of keys, as with a threshold.
UnitResult imaginary_result(const ImaginaryModel& model, std::int64_t n_tokens, std::int64_t max_length,
                            bool is_baseline, std::uint64_t seed);

}  // namespace kvcompare
