// Scores a key by the attention that it received, divided by the number of queries that could have given it
// some. Related to H2O, arXiv 2306.14048.
#pragma once

#include "presses/registry.h"

namespace kvcompare {

MethodDescription observed_attention_method();

}  // namespace kvcompare
