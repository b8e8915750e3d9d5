#pragma once

#include "common/exit_code.h"
#include "launch/command_line/command.h"

namespace kvcompare {

// kvcompare report: makes the reports for people again, from the journals of complete runs. For one run it
// makes all of them, for several a page that shows the runs side by side. With the format llama-perplexity it
// prints the tables of one run, and writes no file. Throws ConfigError for a folder without a complete run,
// DataError for a journal that is damaged or of another version, and OutputError.
ExitCode run_report(const ReportCommand& command);

}  // namespace kvcompare
