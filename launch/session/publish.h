// Makes all outputs at the end of a run, from its journal alone.
#pragma once

#include <filesystem>

#include "common/exit_code.h"
#include "launch/session/page_texts.h"

namespace kvcompare {

// Writes the reports into `folder`, prints the table, and returns how the run went: kComplete,
// kQuarantinedUnits, or kInterrupted if units are still missing, in which case nothing is written. Of a shard
// it writes the marker alone, because reports are of whole runs. The caller must hold the folder's lock.
// Throws DataError for a damaged journal, and OutputError. Throws InvariantError, after the files were
// written, if the results cannot be trusted (check_effect, or two attempts at a unit that differ).
ExitCode publish(const std::filesystem::path& folder, Texts texts = Texts::kOmit);

// Writes a line to the log that says where the page is.
void tell_page(const std::filesystem::path& folder);

}  // namespace kvcompare
