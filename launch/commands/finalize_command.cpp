#include "launch/commands/finalize_command.h"

#include <filesystem>
#include <system_error>

#include "common/errors.h"
#include "common/files/directory_lock.h"
#include "launch/session/output_folder.h"
#include "launch/session/publish.h"

namespace kvcompare {

ExitCode run_finalize(const FinalizeCommand& command) {
  std::error_code error;  // what cannot be looked at, the journal's reader tells of
  if (!std::filesystem::exists(journal_path(command.output_dir), error) && !error)
    throw ConfigError(
        "finalize", command.output_dir.string() + " holds no journal.jsonl; give the --output_dir of a run");
  const DirectoryLock lock(command.output_dir);
  return publish(command.output_dir);
}

}  // namespace kvcompare
