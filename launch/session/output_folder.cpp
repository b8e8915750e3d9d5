#include "launch/session/output_folder.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>
#include <system_error>
#include <utility>

#include <unistd.h>

#include "common/errors.h"
#include "common/files/fault_point.h"
#include "common/log.h"
#include "common/path_on_disk.h"
#include "common/plural.h"
#include "coordinator/journal/fingerprint.h"
#include "coordinator/journal/growth.h"
#include "coordinator/write_reports.h"
#include "launch/session/job_data.h"

namespace kvcompare {
namespace {

namespace fs = std::filesystem;

// The marker is removed first, because results without it do not count.
constexpr std::array kFiles{kCompleteMarker,
                            "comparison_summary.json",
                            "detailed_results.json",
                            "results.h5",
                            "results.csv",
                            "samples.csv",
                            "summary.md",
                            "table.tex",
                            kPageFile,
                            "run.json",
                            "journal.jsonl",
                            "journal.jsonl.damaged"};

// The folder, or the one in which it would be made.
void refuse_unwritable(const fs::path& folder) {
  auto there = fs::absolute(folder).lexically_normal();
  while (!may_be_there(there) && there.has_relative_path()) there = there.parent_path();
  std::error_code error;
  if (!fs::is_directory(there, error)) throw OutputError(there.string(), "is no folder");
  if (::access(there.c_str(), W_OK | X_OK) != 0)
    throw OutputError(there.string(), std::string("cannot be written: ") + std::strerror(errno));
}

std::optional<Journal> read_journal(const fs::path& folder, bool salvage) {
  const auto file = journal_path(folder);
  if (!may_be_there(file)) return std::nullopt;
  Journal journal(file, salvage ? Damage::kSalvage : Damage::kRefuse);
  if (journal.torn_bytes() > 0)
    log_warning(file.string() + ": the last line was being written when the run ended; its " +
                counted(journal.torn_bytes(), "byte") + (journal.torn_bytes() == 1 ? " is" : " are") +
                " left out");
  for (const auto& line : journal.damage()) log_warning(file.string() + ": " + line + "; left out");
  return journal;
}

}  // namespace

std::optional<std::string> result_in(const fs::path& folder) {
  for (const auto* name : kFiles)
    if (may_be_there(folder / name)) return name;
  return std::nullopt;
}

fs::path journal_path(const fs::path& folder) { return folder / "journal.jsonl"; }

OutputFolder::OutputFolder(const RunOptions& options, Access access) : path_(options.output_dir) {
  if (access == Access::kLook) {
    refuse_unwritable(path_);
    refuse_locked(path_);
    if (options.overwrite) return;  // as if it were empty
  } else {
    lock_.emplace(path_, options.resume ? kPatienceWhenResumed : std::chrono::seconds(0));
    fault_point("after_lock");
    if (options.overwrite) remove_results();
  }
  const auto found = result_in(path_);
  if (!found) return;
  if (!options.resume) {
    // If a run ended before its first unit was evaluated, there is nothing to lose.
    if (*found == "journal.jsonl" && Journal(journal_path(path_)).units().empty()) return;
    throw ConfigError("output_dir",
                      path_.string() + " holds " + *found +
                          " of an earlier run; --resume goes on with it, --overwrite removes it, "
                          "or choose another folder");
  }
  so_far_ = read_journal(path_, options.salvage);
  if (!so_far_)
    throw ConfigError("resume", path_.string() + " holds " + *found +
                                    " but no journal.jsonl to go on from; --overwrite starts anew");
}

void OutputFolder::remove_results() const {
  for (const auto* name : kFiles) {
    std::error_code error;
    fs::remove(path_ / name, error);
    if (error) throw OutputError((path_ / name).string(), "cannot be removed: " + error.message());
  }
}

void OutputFolder::go_on_with(const JournalHeader& header, std::span<const Sample> samples) {
  if (!so_far_) return;
  const auto& then = so_far_->header();
  const auto data_hash = then.n_samples > std::ssize(samples)
                             ? ""
                             : hash_of(samples.first(static_cast<std::size_t>(then.n_samples)));
  refuse_other_run(then, header, data_hash,
                   {.what = "run", .record = journal_path(path_).string(), .folder_flag = "--output_dir"});
  has_grown_ = !asks_for_the_same(then, header);
  so_far_->grow(header);
}

const UnitTable& OutputFolder::known() const {
  static const UnitTable nothing;
  return so_far_ ? so_far_->units() : nothing;
}

std::map<UnitId, Deaths> OutputFolder::deaths() const {
  return so_far_ ? so_far_->deaths() : std::map<UnitId, Deaths>{};
}

std::vector<FoundThreshold> OutputFolder::found_thresholds() const {
  return so_far_ ? so_far_->header().found_thresholds : std::vector<FoundThreshold>{};
}

std::vector<Numerics> OutputFolder::numerics() const {
  return so_far_ ? so_far_->numerics() : std::vector<Numerics>{};
}

std::unique_ptr<JournalWriter> OutputFolder::open_journal(const JournalHeader& header) const {
  if (!so_far_) return std::make_unique<JournalWriter>(journal_path(path_), header);
  return std::make_unique<JournalWriter>(*so_far_);
}

void OutputFolder::record_growth(JournalWriter& journal, const JournalHeader& header) {
  if (!std::exchange(has_grown_, false)) return;
  remove_marker(path_);
  journal.append(Growth{header});
  journal.sync();
}

void OutputFolder::record_tokens(JournalWriter& journal, const JournalHeader& header,
                                 std::span<const Sample> samples) {
  if (!header.spec.save_tokens || std::exchange(has_tokens_, true)) return;
  for (const auto& sample : samples) {
    if (std::ranges::binary_search(header.skipped, sample.index) || !holds(header.shard, sample.index))
      continue;
    if (so_far_ && so_far_->has_tokens(sample.index)) continue;
    journal.append(SampleTokens{.sample = sample.index, .ids = sample.ids});
  }
  journal.sync();
}

}  // namespace kvcompare
