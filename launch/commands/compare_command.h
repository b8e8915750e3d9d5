// kvcompare compare: runs a comparison, which is the program's main job.
#pragma once

#include "common/exit_code.h"
#include "launch/command_line/command.h"

namespace kvcompare {

ExitCode run_compare(const CompareCommand& command);

}  // namespace kvcompare
