// Mean attention received per query that could have given some. Related to H2O, arXiv 2306.14048.
#pragma once

#include "presses/registry.h"

namespace kvcompare {

MethodDescription observed_attention_method();

}  // namespace kvcompare
