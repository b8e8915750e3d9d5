// Keeps the keys to which the last query gave most attention. Source: TOVA, arXiv 2401.06104.
#pragma once

#include "presses/registry.h"

namespace kvcompare {

MethodDescription tova_method();

}  // namespace kvcompare
