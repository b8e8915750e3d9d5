// Paths as people write them where no shell reads them: in configuration files and environment variables.
#pragma once

#include <string>

namespace kvcompare {

// ~ and ~user at the beginning is that user's home folder; $NAME and ${NAME} are environment variables.
// As os.path.expandvars(os.path.expanduser(path)) of Python, but a variable that is not set throws
// ConfigError(origin). A path that exists as it is written stays as it is.
std::string expanded_path(const std::string& path, const std::string& origin);

}  // namespace kvcompare
