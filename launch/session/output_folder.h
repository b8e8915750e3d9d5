// The folder that a run writes into: who may write, what is there already, and the journal.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>

#include "common/files/directory_lock.h"
#include "common/run/run_options.h"
#include "coordinator/journal/journal.h"

namespace kvcompare {

class OutputFolder {
 public:
  // Locks the folder, which is made if it is not there, and reads the journal of an earlier run.
  // Throws ConfigError("output_dir") if there are results or a journal and the run is neither to be resumed
  // nor overwritten, DirectoryInUse, OutputError, DataError for a damaged journal.
  explicit OutputFolder(const RunOptions& options);

  const std::filesystem::path& path() const { return path_; }

  // The run is as it was begun, or asks for more: what is known gets its place there.
  //   data_hash : of the first so many samples
  // Throws ConfigError("resume") naming what has changed, old and new, or is not asked for any more.
  void go_on_with(const JournalHeader& header, const std::function<std::string(std::int64_t)>& data_hash);

  // What is known of the units; nothing if the run begins.
  const UnitTable& known() const;

  // With which arithmetic they were computed, by place in the journal.
  std::vector<Numerics> numerics() const;

  // Begins the journal, or goes on with it; what was damaged or torn is left out of it from now on.
  std::unique_ptr<JournalWriter> open_journal(const JournalHeader& header) const;

  // If the run has grown, the journal says so from now on, and its results are no longer complete. To be
  // called when nothing but a unit can fail any more: a folder that has grown never goes back.
  void record_growth(JournalWriter& journal, const JournalHeader& header);

 private:
  void remove_results() const;

  std::filesystem::path path_;
  DirectoryLock lock_;
  std::optional<Journal> so_far_;  // of a run that is resumed
  bool has_grown_ = false;
};

// OUT/journal.jsonl
std::filesystem::path journal_path(const std::filesystem::path& folder);

}  // namespace kvcompare
