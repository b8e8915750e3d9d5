// The flags of the registry's rows: parameters of presses, and switches that add a method.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "launch/command_line/flag.h"

namespace kvcompare {

// Of the presses' parameters those of one section of the help, each flag once, in the order of the registry.
std::vector<Flag> press_flags(std::string_view section, FlagGroup group);

// Sections that presses name beside those of `known`, in the order of the registry.
std::vector<std::string_view> other_press_sections(const std::vector<std::string_view>& known);

// Switches that add a method to those of --methods.
std::vector<Flag> include_flags(FlagGroup group);

// "kvzap, random, streaming_llm and expected_attention": the methods of `all` but the baseline.
std::string names_of_all();

// "KVzap": display names of the methods that need a scorer which was trained for the model.
std::string names_with_trained_scorer();

// Flags that say where a trained scorer, or scores, lie.
std::vector<std::string> place_flags();

}  // namespace kvcompare
