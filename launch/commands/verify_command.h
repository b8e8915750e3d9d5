// kvcompare verify: checks whether the results in a folder are those that the run computed.
#pragma once

#include "common/exit_code.h"
#include "launch/command_line/command.h"

namespace kvcompare {

// Compares the result files with the hashes in COMPLETE and with files made again from the journal.
// Recomputes samples if it is asked to. Prints what it found. Throws DataError for a difference, and
// ConfigError if there is nothing to verify or if samples cannot be recomputed.
ExitCode run_verify(const VerifyCommand& command);

}  // namespace kvcompare
