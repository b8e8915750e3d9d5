// Keys of small L2 norm win. The norm is taken before RoPE (which leaves it unchanged) and rounded to 11
// significant bits, so that equal tokens tie on every machine. Source: arXiv 2406.11430.
#pragma once

#include "presses/registry.h"

namespace kvcompare {

MethodDescription knorm_method();

}  // namespace kvcompare
