// What an earlier run was told, as flags, from the results in its output folder.
#pragma once

#include <filesystem>
#include <vector>

#include "launch/command_line/flag.h"

namespace kvcompare {

// `config` of detailed_results.json and `paths` of run.json. Throws ConfigError if one is not there or is not
// what this version writes.
std::vector<GivenValue> flags_of_run(const std::filesystem::path& folder, const std::vector<Flag>& flags);

}  // namespace kvcompare
