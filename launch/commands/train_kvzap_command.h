// kvcompare train_kvzap: a surrogate of KVzap for a model.
#pragma once

#include "common/exit_code.h"
#include "launch/command_line/command.h"

namespace kvcompare {

// Alone, or as one of several ranks: the prompts are shared out, rank 0 keeps their targets and fits the
// surrogate. Prints the held-out R2 of each layer. kInterrupted if it was told to stop; what is done is kept
// for --resume.
ExitCode run_train_kvzap(const TrainKvzapCommand& command);

}  // namespace kvcompare
