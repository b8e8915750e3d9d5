// kvcompare --version: what this program is, for people and for other programs.
#pragma once

#include "common/exit_code.h"
#include "launch/command_line/command.h"

namespace kvcompare {

// Prints to stdout. Throws OutputError.
ExitCode run_version(const VersionCommand& command);

}  // namespace kvcompare
