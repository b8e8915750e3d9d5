// kvcompare dump: what the layers of a model see of each sample, as files for other programs.
#pragma once

#include "common/exit_code.h"
#include "launch/command_line/command.h"

namespace kvcompare {

ExitCode run_dump(const DumpCommand& command);

}  // namespace kvcompare
