#include "coordinator/merged_shards.h"

#include <algorithm>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <variant>

#include "common/errors.h"
#include "common/files/atomic_file.h"
#include "common/plural.h"

namespace kvcompare {
namespace {

std::string folder_of(const Journal& journal) { return journal.file().parent_path().string(); }

const Shard& shard_of(const Journal& journal) { return *journal.header().shard; }

std::string value_of(const Identity& identity, const std::string& name) {
  const auto found = identity.find(name);
  return found == identity.end() ? "absent" : found->second;
}

// All that must be the same, by name.
Identity common_part(const Journal& journal) {
  const auto& header = journal.header();
  auto common = header.identity;
  common["number of shards"] = std::to_string(shard_of(journal).n);
  common["number of samples"] = std::to_string(header.n_samples);
  common["number of samples without a scored token"] = std::to_string(header.skipped.size());
  common["number of bad lines"] = std::to_string(header.bad_lines.size());
  common["number of truncated samples"] = std::to_string(header.truncated.n_samples);
  return common;
}

void refuse_other_run(const Journal& one, const Journal& other) {
  const auto ours = common_part(one), theirs = common_part(other);
  std::set<std::string> names;
  for (const auto& [name, value] : ours) names.insert(name);
  for (const auto& [name, value] : theirs) names.insert(name);
  std::string text;
  for (const auto& name : names)
    if (const auto our = value_of(ours, name), their = value_of(theirs, name); our != their)
      text += "\n  " + name + ": " + our + " in " + folder_of(one) + ", " + their + " in " + folder_of(other);
  if (text.empty()) return;
  throw ConfigError("merge",
                    "these are no shards of one run:" + text +
                        "\nevaluate all shards with the same flags, or merge those that belong together");
}

void refuse_repeated(const Journal& one, const Journal& next) {
  if (shard_of(one) == shard_of(next))
    throw ConfigError("merge", "shard " + to_string(shard_of(one)) + " is there twice: in " + folder_of(one) +
                                   " and in " + folder_of(next) + "; give one of them");
}

void refuse_missing_shards(const std::vector<Journal>& shards) {
  std::set<std::int64_t> there;
  for (const auto& journal : shards) there.insert(shard_of(journal).number);
  const auto n = shard_of(shards.front()).n;
  const auto n_missing = n - std::ssize(there);
  if (n_missing == 0) return;
  std::int64_t first = 1;
  while (there.contains(first)) ++first;
  throw ConfigError("merge", counted(n_missing, "shard") + " of " + std::to_string(n) +
                                 (n_missing == 1 ? " is" : " are") + " missing, the first of them " +
                                 to_string(Shard{first, n}) + "; give the folders of all shards");
}

void refuse_incomplete(const Journal& journal) {
  if (journal.n_settled() >= journal.n_units()) return;
  throw ConfigError("merge", "shard " + to_string(shard_of(journal)) + " in " + folder_of(journal) +
                                 " is not complete: " + std::to_string(journal.n_settled()) + " of " +
                                 counted(journal.n_units(), "unit") +
                                 " are done; its command with --resume goes on with it");
}

void refuse_other_numerics(const std::vector<Journal>& shards) {
  const Journal* first = nullptr;
  for (const auto& journal : shards)
    for (const auto& numerics : journal.numerics()) {
      if (first == nullptr) first = &journal;
      const auto lines = differences(numerics, first->numerics().front());
      if (lines.empty()) continue;
      std::string text = "units in " + folder_of(journal) +
                         " were computed with other arithmetic than those in " + folder_of(*first) +
                         ", so the last bits of their numbers differ:";
      for (const auto& line : lines) text += "\n  " + line;
      throw ConfigError("allow_mixed_hardware",
                        text +
                            "\nevaluate all shards on machines of one kind, with the same software and "
                            "environment; or give --allow_mixed_hardware: the results then say which "
                            "arithmetic there was");
    }
}

// What the whole run takes over of the records of its shards.
class MergedRecords {
 public:
  explicit MergedRecords(JournalWriter& writer) : writer_(writer) {}

  void add(const Journal& shard) {
    places_.clear();
    shard.for_each_record([this](const JournalRecord& record) { take(record); });
  }

 private:
  void take(const JournalRecord& record) {
    if (const auto* numerics = std::get_if<NumericsRecord>(&record)) {
      take(*numerics);
    } else if (const auto* attempt = std::get_if<Attempt>(&record)) {
      auto merged = *attempt;
      if (merged.numerics != kNotTold)
        merged.numerics = places_.at(static_cast<std::size_t>(merged.numerics));
      writer_.append(merged);
    } else if (std::holds_alternative<Session>(record) || std::holds_alternative<SessionEnd>(record) ||
               std::holds_alternative<SampleTokens>(record)) {
      writer_.append(record);
    }
  }

  // A kind of arithmetic has one place in the whole run.
  void take(const NumericsRecord& record) {
    const auto at = static_cast<std::size_t>(record.place);
    if (at < places_.size()) return;  // a later session told it again
    const auto known = std::ranges::find(numerics_, record.numerics);
    const auto place = static_cast<int>(known - numerics_.begin());
    places_.push_back(place);
    if (known != numerics_.end()) return;
    numerics_.push_back(record.numerics);
    writer_.append(NumericsRecord{place, record.numerics});
  }

  JournalWriter& writer_;
  std::vector<Numerics> numerics_;  // of the whole run, by place
  std::vector<int> places_;         // there, of those of the shard
};

}  // namespace

void check_shards(std::vector<Journal>& shards, MixedHardware mixed) {
  for (const auto& journal : shards)
    if (!journal.header().shard)
      throw ConfigError(
          "merge",
          folder_of(journal) + " holds no shard but a whole run; give the folders of runs with --shard I/N");
  for (const auto& journal : shards) refuse_other_run(shards.front(), journal);
  std::ranges::sort(shards, {}, [](const Journal& journal) { return shard_of(journal).number; });
  for (std::size_t i = 1; i < shards.size(); ++i) refuse_repeated(shards[i - 1], shards[i]);
  refuse_missing_shards(shards);
  for (const auto& journal : shards) refuse_incomplete(journal);
  if (mixed == MixedHardware::kRefuse) refuse_other_numerics(shards);
}

void write_merged_journal(const std::filesystem::path& file, const std::vector<Journal>& shards) {
  auto header = shards.front().header();
  header.shard.reset();
  const auto unfinished = file.string() + ".merging";
  {
    JournalWriter writer(unfinished, header);
    MergedRecords merged(writer);
    for (const auto& shard : shards) merged.add(shard);
    writer.sync();
  }
  std::error_code error;
  std::filesystem::rename(unfinished, file, error);
  if (error) throw OutputError(file.string(), "cannot be written: " + error.message());
  sync_folder(file.parent_path());
}

}  // namespace kvcompare
