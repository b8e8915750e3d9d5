// Scores the keys of a partition of the sequence by how much they and their values spread, relative to the
// partition that follows. Source: LagKV, arXiv 2504.04704.
#pragma once

#include "presses/registry.h"

namespace kvcompare {

MethodDescription lagkv_method();

}  // namespace kvcompare
