// Keeps the keys that received most attention, and the most recent ones. Source: H2O, arXiv 2306.14048.
#pragma once

#include "presses/registry.h"

namespace kvcompare {

MethodDescription h2o_method();

}  // namespace kvcompare
