// argv to a command.
#pragma once

#include <string>
#include <vector>

#include "launch/command_line/command.h"

namespace kvcompare {

// `arguments` without the program's name. Reads the file of --config. Throws ConfigError.
Command parse_command_line(const std::vector<std::string>& arguments);

}  // namespace kvcompare
