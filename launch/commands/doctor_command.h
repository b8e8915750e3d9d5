// kvcompare doctor: what of this machine the program can use, and what is missing.
#pragma once

#include "common/exit_code.h"
#include "launch/command_line/command.h"

namespace kvcompare {

// Under mpirun one table for all ranks. kUsage if something is wrong that the main job needs.
ExitCode run_doctor(const DoctorCommand& command);

}  // namespace kvcompare
