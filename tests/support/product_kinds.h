// The kinds of product of the CPU engine, for tests that run with each.
#pragma once

#include <string>

#include "worker/cpu/products.h"
#include "worker/devices/cpu_features.h"

namespace kvcompare {

inline std::string word_of(ProductKind kind) {
  switch (kind) {
    case ProductKind::kPlain:
      return "plain";
    case ProductKind::kPaired:
      return "paired";
    case ProductKind::kWidened:
      return "widened";
  }
  return "unknown";
}

// Pairs need an instruction.
inline bool this_machine_has(ProductKind kind) {
  return kind != ProductKind::kPaired || has_cpu_flag(read_cpuinfo(), "avx512_bf16");
}

}  // namespace kvcompare
