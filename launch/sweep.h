// From methods and lists of values to instances: every combination of the values that a method uses.
#pragma once

#include <vector>

#include "launch/flag.h"
#include "launch/method_list.h"

namespace kvcompare {

inline constexpr std::size_t kMostInstances = 1000;  // of a run, beside the baseline

// The instances of `items` with the values in `settings`, each once; those of a method stand together, in the
// order of swept_flags(): the last one changes fastest. Throws ConfigError naming `origin` and the method for
// a parameter that it does not use, a value that is not accepted, and more than kMostInstances.
std::vector<MethodSpec> make_instances(const std::vector<MethodItem>& items, const Settings& settings,
                                       const std::string& origin = "--methods");

// The flags by which instances of this run are what they are.
std::vector<std::string> flags_used(const std::vector<MethodSpec>& instances);

}  // namespace kvcompare
