#include "launch/session/complete_journal.h"

#include <system_error>

#include "common/errors.h"
#include "common/plural.h"
#include "launch/session/output_folder.h"

namespace kvcompare {

Journal read_complete_journal(const std::string& subcommand, const std::filesystem::path& folder) {
  std::error_code error;
  if (!std::filesystem::exists(journal_path(folder), error) && !error)
    throw ConfigError(subcommand,
                      folder.string() + " holds no journal.jsonl; give the --output_dir of a run");
  Journal journal(journal_path(folder));
  if (const auto& shard = journal.header().shard)
    throw ConfigError(subcommand,
                      folder.string() + " holds shard " + to_string(*shard) +
                          " of a run, which has no results; kvcompare merge makes those of all shards");
  if (journal.n_settled() < journal.n_units())
    throw ConfigError(
        subcommand, folder.string() +
                        " holds a run that is not complete: " + std::to_string(journal.n_settled()) + " of " +
                        counted(journal.n_units(), "unit") + " are done; kvcompare --resume goes on with it");
  return journal;
}

}  // namespace kvcompare
