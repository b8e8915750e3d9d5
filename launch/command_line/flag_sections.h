// The flags of a subcommand as readers look for them: in titled sections, each flag with a text.
#pragma once

#include <string>
#include <vector>

#include "launch/command_line/flag.h"

namespace kvcompare {

struct FlagSection {
  std::string title;               // "Model and data"
  std::vector<const Flag*> flags;  // at least one
};

// In the order of the help. The sections point into `flags`.
std::vector<FlagSection> sections_of(const std::vector<Flag>& flags);

// What a flag does, with default and unit: "Longer samples are truncated. [default: 8192 tokens]".
std::string explanation(const Flag& flag);

}  // namespace kvcompare
