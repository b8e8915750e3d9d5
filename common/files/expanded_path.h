// Expands ~ and variables in paths that no shell has read: those of configuration files and environment
// variables.
#pragma once

#include <string>

namespace kvcompare {

// ~ and ~user at the beginning mean that user's home folder; $NAME and ${NAME} mean environment variables.
// The result is that of Python's os.path.expandvars(os.path.expanduser(path)), but a variable that is not set
// throws ConfigError(origin). A path that exists as it is written is not changed.
std::string expanded_path(const std::string& path, const std::string& origin);

}  // namespace kvcompare
