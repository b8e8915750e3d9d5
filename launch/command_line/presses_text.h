// kvcompare presses: what methods there are.
#pragma once

#include <string>

#include "presses/registry.h"

namespace kvcompare {

// Every method of the registry with policy, parameters and their defaults, meaning and source.
std::string presses_text();

// What it says of one of them.
std::string press_text(const MethodDescription& method);

}  // namespace kvcompare
