// kvcompare merge: makes one run of its shards.
#pragma once

#include "common/exit_code.h"
#include "launch/command_line/command.h"

namespace kvcompare {

// Writes journal and results of the whole run into the output folder. The folders of the shards stay as they
// are. Returns and throws as publish() does; throws ConfigError if the folders are not all shards of one run,
// each complete.
ExitCode run_merge(const MergeCommand& command);

}  // namespace kvcompare
