#pragma once

#include "common/exit_code.h"
#include "launch/command_line/command.h"

namespace kvcompare {

// Makes what people look at once more, from the journals of complete runs: of one run all of it, of several a
// page that shows them side by side. Throws ConfigError for a folder without a run that is complete,
// DataError for a journal that is damaged or of another version, OutputError.
ExitCode run_report(const ReportCommand& command);

}  // namespace kvcompare
