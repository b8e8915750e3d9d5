// The flags of a command line, matched with the rows of the table.
#pragma once

#include <string>
#include <vector>

#include "launch/command_line/flag.h"

namespace kvcompare {

// Accepts --name VALUE, --name=VALUE, switches alone or as --no_name, and several values for a list.
// Throws ConfigError for an unknown flag (with the nearest one), a repeated one, a missing value and a stray
// word.
std::vector<GivenValue> match_arguments(const std::vector<std::string>& arguments,
                                        const std::vector<Flag>& flags);

}  // namespace kvcompare
