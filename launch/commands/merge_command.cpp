#include "launch/commands/merge_command.h"

#include <filesystem>
#include <system_error>
#include <vector>

#include "common/errors.h"
#include "common/path_on_disk.h"
#include "coordinator/merged_shards.h"
#include "launch/session/output_folder.h"
#include "launch/session/publish.h"

namespace kvcompare {
namespace {

std::vector<Journal> read_shards(const MergeCommand& command) {
  std::vector<Journal> shards;
  for (const auto& folder : command.folders) {
    if (!may_be_there(journal_path(folder)))  // of one that cannot be looked at its reader tells
      throw ConfigError("merge",
                        folder.string() + " holds no journal.jsonl; give the --output_dir of a shard");
    std::error_code error;
    if (std::filesystem::equivalent(folder, command.options.output_dir, error) && !error)
      throw ConfigError("output_dir",
                        command.options.output_dir.string() +
                            " is the folder of a shard, which stays as it is; give another folder");
    shards.emplace_back(journal_path(folder));
  }
  return shards;
}

}  // namespace

ExitCode run_merge(const MergeCommand& command) {
  auto shards = read_shards(command);
  check_shards(shards, command.options.allow_mixed_hardware ? MixedHardware::kAdmit : MixedHardware::kRefuse);
  const auto& output = command.options.output_dir;
  if (const auto found = result_in(output); found && !command.options.overwrite)
    throw ConfigError("output_dir", output.string() + " holds " + *found +
                                        " of an earlier run; --overwrite removes it, or give another folder");
  const OutputFolder folder(command.options);
  write_merged_journal(journal_path(output), shards);
  return publish(output);
}

}  // namespace kvcompare
