// --config FILE.json: one JSON object whose keys are names of flags.
#pragma once

#include <filesystem>
#include <vector>

#include "launch/command_line/flag.h"

namespace kvcompare {

// The values in the order of the file; keys with null are left out. Throws ConfigError with file:line for
// text that is no JSON, an unknown or repeated key and a value of another JSON type than the flag has.
std::vector<GivenValue> read_config_file(const std::filesystem::path& path, const std::vector<Flag>& flags);

}  // namespace kvcompare
