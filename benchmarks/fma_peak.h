// Measures how many fused multiply-adds one core really does. This is the peak against which kernels are
// measured.
#pragma once

#include <cstdint>

namespace kvcompare {

// Runs n rounds of independent multiply-adds on registers. Returns the number of floating-point operations:
// two for each multiply-add of each lane.
double run_fma_rounds_float(std::int64_t n);
double run_fma_rounds_double(std::int64_t n);

}  // namespace kvcompare
