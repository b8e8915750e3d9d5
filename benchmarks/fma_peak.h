// Fused multiply-adds that one core really does: the ceiling against which the kernels are measured.
#pragma once

#include <cstdint>
#include <string>

namespace kvcompare {

// Runs n rounds of independent multiply-adds on registers; returns the floating-point operations done (two
// for each multiply-add of each lane).
double run_fma_rounds_float(std::int64_t n);
double run_fma_rounds_double(std::int64_t n);

std::string simd_target();  // "AVX3", "AVX2", ...: what the kernels run on here

}  // namespace kvcompare
