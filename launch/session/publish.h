// The end of a run: all outputs, made of its journal alone.
#pragma once

#include <filesystem>

#include "common/exit_code.h"

namespace kvcompare {

// Whether the page shows the first words of the samples' texts.
enum class Texts { kOmit, kShow };

// Writes the reports into `folder`, prints the table, and says how the run went: kComplete,
// kQuarantinedUnits, or kInterrupted if units are still missing, which writes nothing. The caller holds the
// folder's lock. Throws DataError for a damaged journal, OutputError, and InvariantError if the results are
// not to be trusted (check_effect, or two attempts at a unit that differ), after they were written.
ExitCode publish(const std::filesystem::path& folder, Texts texts = Texts::kOmit);

// A line in the log that says where the page is.
void tell_page(const std::filesystem::path& folder);

}  // namespace kvcompare
