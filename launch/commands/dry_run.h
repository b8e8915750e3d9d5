// kvcompare --dry_run: what a run would be, and what it would take.
#pragma once

#include "common/exit_code.h"
#include "launch/command_line/command.h"

namespace kvcompare {

// Reads model, data, scorers and output folder as the run would, and throws what it would throw before it
// computes. Prints units, predicted work, time as far as the journal has measured it, and memory. Computes
// and writes nothing.
ExitCode run_dry(const CompareCommand& command);

}  // namespace kvcompare
