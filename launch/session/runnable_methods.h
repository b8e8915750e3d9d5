// Methods that nobody named run only where they can. Some need more than the model: a scorer that was trained
// for the model.
#pragma once

#include <optional>
#include <string>

#include "common/messages/mpi_environment.h"
#include "launch/command_line/command.h"

namespace kvcompare {

// Why the run must do without the methods that need a trained scorer, as a line for the log: the default
// scorer of one of them is not on this machine, or was made for another model. Absent if they can run, if the
// run has none of them, if the user named methods or a scorer, or if the model itself cannot be read, which
// is another error.
std::optional<std::string> why_without_trained_scorers(const CompareCommand& command);

// The command with the methods that will run. Warns of one that is left out.
CompareCommand with_runnable_methods(const CompareCommand& command);

// Collective. The same on every rank: rank 0 decides for all, and warns. A rank that then lacks the scorer
// ends the run, as if its method had been named.
CompareCommand with_runnable_methods(const CompareCommand& command, const MpiEnvironment& mpi);

}  // namespace kvcompare
