// kvcompare tokenize: turns texts into token ids.
#pragma once

#include "common/exit_code.h"
#include "launch/command_line/command.h"

namespace kvcompare {

ExitCode run_tokenize(const TokenizeCommand& command);

}  // namespace kvcompare
