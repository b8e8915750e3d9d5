// Keeps the keys to which the latest queries gave most attention, with their neighbours, and the latest keys.
// Source: SnapKV, arXiv 2404.14469.
#pragma once

#include "presses/registry.h"

namespace kvcompare {

MethodDescription snapkv_method();

}  // namespace kvcompare
