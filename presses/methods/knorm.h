// Keeps the keys with a small L2 norm. The norm is taken before RoPE (which does not change it) and rounded
// to 11 significant bits, so that equal tokens have equal scores on every machine. Source: arXiv 2406.11430.
#pragma once

#include "presses/registry.h"

namespace kvcompare {

MethodDescription knorm_method();

}  // namespace kvcompare
