// Which of the instruction sets that Google Highway compiled our kernels for this machine computes with.
#pragma once

#include <string>

namespace kvcompare {

// Highway's name of it, such as "AVX3_DL" or "NEON".
std::string simd_target();

}  // namespace kvcompare
