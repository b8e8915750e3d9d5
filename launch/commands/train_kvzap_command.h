// kvcompare train_kvzap: trains a surrogate of KVzap for a model.
#pragma once

#include "common/exit_code.h"
#include "launch/command_line/command.h"

namespace kvcompare {

// Runs in one process, or as one of several ranks. All ranks compute targets of prompts; rank 0 stores the
// targets and fits the surrogate. Prints the held-out R2 of each layer. Returns kInterrupted after a stop;
// what is done is kept for --resume.
ExitCode run_train_kvzap(const TrainKvzapCommand& command);

}  // namespace kvcompare
