// Methods that nobody named run only where they can. KVzap is the one that needs more than the model: a
// scorer.
#pragma once

#include <optional>
#include <string>

#include "common/messages/mpi_environment.h"
#include "launch/command_line/command.h"

namespace kvcompare {

// Why the run must do without kvzap, as a line for the log: its default scorer is not on this machine, or
// was made for another model. Absent if kvzap can run, if the run does not have it, if the user named methods
// or a scorer, or if the model itself cannot be read, which is another error.
std::optional<std::string> why_without_kvzap(const CompareCommand& command);

// The command with the methods that will run. Warns of one that is left out.
CompareCommand with_runnable_methods(const CompareCommand& command);

// Collective. The same on every rank: rank 0 decides for all, and warns. A rank that then lacks the scorer
// ends the run, as if kvzap had been named.
CompareCommand with_runnable_methods(const CompareCommand& command, const MpiEnvironment& mpi);

}  // namespace kvcompare
