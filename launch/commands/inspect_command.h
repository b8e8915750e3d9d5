#pragma once

#include "common/exit_code.h"
#include "launch/command_line/command.h"

namespace kvcompare {

// Prints the tokens that each instance of a complete run predicts worst, in their text. Throws
// ConfigError("inspect") naming the flag with which the run would have kept what is needed.
ExitCode run_inspect(const InspectCommand& command);

}  // namespace kvcompare
