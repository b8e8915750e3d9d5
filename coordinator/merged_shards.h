// Makes one journal of those of all shards of a run.
#pragma once

#include <filesystem>
#include <vector>

#include "coordinator/journal/journal.h"
#include "coordinator/same_numerics.h"

namespace kvcompare {

// Brings the shards into their order. Throws ConfigError("merge") naming folders, and what differs, if they
// are not shards of one run, if one is missing, there twice or not complete; ConfigError
// ("allow_mixed_hardware") if they were computed with different arithmetic and that is refused.
void check_shards(std::vector<Journal>& shards, MixedHardware mixed);

// Writes the journal of the whole run. Its results are those of one run, byte for byte, because each unit's
// values are, and sums are over the samples in their order. The file is there whole or not at all.
//   shards : checked. They must not change meanwhile. Throws DataError if they do, and OutputError
void write_merged_journal(const std::filesystem::path& file, const std::vector<Journal>& shards);

}  // namespace kvcompare
