#pragma once

#include <filesystem>
#include <string>

#include "coordinator/journal/journal.h"

namespace kvcompare {

// Reads the journal of a complete run in `folder`. Throws ConfigError(subcommand) if the folder holds none,
// or a shard, or the run is not complete; DataError for a damaged journal.
Journal read_complete_journal(const std::string& subcommand, const std::filesystem::path& folder);

}  // namespace kvcompare
