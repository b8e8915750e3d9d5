// kvcompare doctor: what of this machine the program can use, and what is missing.
#pragma once

#include <string>
#include <vector>

#include "common/exit_code.h"
#include "launch/command_line/command.h"

namespace kvcompare {

enum class Health { kGood, kAbsent, kBad };  // kAbsent: not there, and the main job does without

struct Finding {
  std::string subject;  // "MPI"
  Health health = Health::kGood;
  std::string text;    // what was found
  std::string remedy;  // what brings it or sets it right; may be empty
};

// Of this process and its host.
std::vector<Finding> examine(const DoctorCommand& command);

// One line a finding; where ranks differ, one a group of ranks that agree. findings: by rank, not empty; a
// rank may lack some that others have (GPUs).
std::string doctor_table(const std::vector<std::vector<Finding>>& findings);

// As text, to be sent to rank 0, and back.
std::string text_of(const std::vector<Finding>& findings);
std::vector<Finding> findings_of(const std::string& text);

// Under mpirun one table for all ranks. kUsage if something is wrong that the main job needs.
ExitCode run_doctor(const DoctorCommand& command);

}  // namespace kvcompare
