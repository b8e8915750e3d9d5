// From methods and lists of values to instances: every combination of the values that a method uses.
#pragma once

#include <string>
#include <vector>

#include "launch/command_line/flag.h"
#include "launch/command_line/method_list.h"

namespace kvcompare {

inline constexpr std::size_t kMostInstances = 1000;  // of a run, beside the baseline

// The instances of `items` with the values in `settings`, each once; those of a method stand together, in the
// order of swept_flags(): the last one changes fastest. Throws ConfigError naming `origin` and the method for
// a parameter that it does not use, a value that is not accepted, and more than kMostInstances.
std::vector<MethodSpec> make_instances(const std::vector<MethodItem>& items, const Settings& settings,
                                       const std::string& origin = "--methods");

// What becomes of a parameter's flag.
enum class FlagUse {
  kNone,     // no method reads the parameter
  kOwnOnly,  // each that does has a value of its own in its item
  kRead
};
FlagUse use_of(const std::string& flag, const std::vector<MethodItem>& items,
               const std::vector<MethodSpec>& instances);

}  // namespace kvcompare
