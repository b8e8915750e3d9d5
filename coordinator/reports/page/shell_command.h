#pragma once

#include <string>
#include <vector>

namespace kvcompare {

// Writes a command as a user would type it. Arguments that a shell would split or interpret are put in single
// quotes.
std::string shell_command(const std::vector<std::string>& arguments);

}  // namespace kvcompare
