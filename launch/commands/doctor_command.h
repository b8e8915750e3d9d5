// kvcompare doctor: says what the program can use on this machine, and what is missing.
#pragma once

#include "common/exit_code.h"
#include "launch/command_line/command.h"

namespace kvcompare {

// Under mpirun prints one table for all ranks. Returns kUsage if something is wrong that the main job needs.
ExitCode run_doctor(const DoctorCommand& command);

}  // namespace kvcompare
