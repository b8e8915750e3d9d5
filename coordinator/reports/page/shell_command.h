#pragma once

#include <string>
#include <vector>

namespace kvcompare {

// As a user would type it: what a shell would take apart or interpret stands in single quotes.
std::string shell_command(const std::vector<std::string>& arguments);

}  // namespace kvcompare
