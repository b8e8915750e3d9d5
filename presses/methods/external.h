// Keeps the keys with the highest scores of a folder that somebody else has written: a score of each key of
// each KV head, for every sample of the data set. How to write one: docs/your_own_method.md.
#pragma once

#include "presses/registry.h"

namespace kvcompare {

MethodDescription external_method();

}  // namespace kvcompare
