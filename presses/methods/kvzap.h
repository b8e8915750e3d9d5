// Scores keys by a trained surrogate of KVzip+ scores. Source: KVzap, arXiv 2601.07891.
#pragma once

#include "presses/registry.h"

namespace kvcompare {

MethodDescription kvzap_method();

}  // namespace kvcompare
