// The folder that a run writes into: the lock, what the folder holds already, and the journal.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "common/data/sample.h"
#include "common/files/directory_lock.h"
#include "common/run/run_options.h"
#include "coordinator/journal/journal.h"

namespace kvcompare {

// kLook: the folder is neither locked nor made, and nothing is written or removed.
enum class Access { kWrite, kLook };

class OutputFolder {
 public:
  // Locks the folder, and makes it if it does not exist. Reads the journal of an earlier run. Throws
  // ConfigError("output_dir") if the folder holds results or a journal, and the command neither resumes nor
  // overwrites. Throws DirectoryInUse, OutputError, and DataError for a damaged journal. With Access::kLook
  // it throws the same, without locking or making the folder.
  explicit OutputFolder(const RunOptions& options, Access access = Access::kWrite);

  const std::filesystem::path& path() const { return path_; }

  // Checks that the command continues the run in the folder, or asks for more, and takes over the units that
  // are known.
  //   samples : those that are asked for now
  // Throws ConfigError("resume") naming what has changed, with old and new value, or what is no longer asked
  // for.
  void go_on_with(const JournalHeader& header, std::span<const Sample> samples);

  // What is known of the units; empty if the run is new.
  const UnitTable& known() const;

  // Over which units the process died, and what is known of it.
  std::map<UnitId, Deaths> deaths() const;

  // Thresholds that the run has found for densities.
  std::vector<FoundThreshold> found_thresholds() const;

  // The arithmetic that computed them, in the order of the journal's records.
  std::vector<Numerics> numerics() const;

  // Begins the journal, or continues it. Damaged or incomplete lines are left out of it from now on.
  std::unique_ptr<JournalWriter> open_journal(const JournalHeader& header) const;

  // If the run has grown, writes this into the journal, so that its results are no longer complete. Must be
  // called only when nothing but a unit can fail any more, because growth cannot be undone.
  void record_growth(JournalWriter& journal, const JournalHeader& header);

  // Writes the tokens of those samples into the journal that it does not hold yet and that have two tokens or
  // more. Nothing without save_tokens. To be called behind record_growth.
  void record_tokens(JournalWriter& journal, const JournalHeader& header, std::span<const Sample> samples);

 private:
  void remove_results() const;

  std::filesystem::path path_;
  std::optional<DirectoryLock> lock_;
  std::optional<Journal> so_far_;  // the journal of a run that is resumed
  bool has_grown_ = false;
  bool has_tokens_ = false;  // of all samples, in the journal
};

// The name of a file in the folder that a run has left there; absent if there is none.
std::optional<std::string> result_in(const std::filesystem::path& folder);

// OUT/journal.jsonl
std::filesystem::path journal_path(const std::filesystem::path& folder);

}  // namespace kvcompare
