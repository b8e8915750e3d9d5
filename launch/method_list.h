// --methods: from a list of names to the methods of the run.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/run_spec.h"
#include "presses/registry.h"

namespace kvcompare {

enum class ObservedAttention { kOnlyIfNamed, kInclude };

// `list`: names in any spelling find_method knows, separated by commas; "all" is every method with in_all.
// Returns the baseline, then the others in the order named, each once. Throws ConfigError, naming
// `origin`, for an unknown name (with the nearest ones) and for an empty list.
std::vector<const MethodDescription*> select_methods(const std::string& list, ObservedAttention observed,
                                                     const std::string& origin = "--methods");

std::vector<MethodSpec> make_method_specs(std::span<const MethodDescription* const> methods,
                                          const RunSpec& run);

// The flags that hold the policy's parameters.
std::vector<std::string_view> policy_flags(const EvictionPolicy& policy);

}  // namespace kvcompare
