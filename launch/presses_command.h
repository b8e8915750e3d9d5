// kvcompare presses: what methods there are.
#pragma once

#include <string>

namespace kvcompare {

// Every method of the registry with policy, parameters and their defaults, meaning and source.
std::string presses_text();

}  // namespace kvcompare
