// kvcompare finalize OUT: makes all outputs again, from the journal alone.
#pragma once

#include "common/exit_code.h"
#include "launch/command_line/command.h"

namespace kvcompare {

ExitCode run_finalize(const FinalizeCommand& command);

}  // namespace kvcompare
