// The journal of a run: what is known for sure. OUT/journal.jsonl, one record a line (journal_line.h,
// journal_record.h), only ever appended to. A unit is done once its line is on the disk.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/journal/deaths_in_hand.h"
#include "coordinator/journal/journal_record.h"
#include "coordinator/journal/unit_table.h"

namespace kvcompare {

// What to do about a line that is damaged or missing, other than a last one that was cut short.
enum class Damage { kRefuse, kSalvage };

// A journal as it was found. Keeps the numbers of a unit, and where its line stands.
//
// What lines say must fit together: a line of a unit that the run does not have, a second header, and a
// record out of order are damage, like a line whose checksum is wrong. Behind the header of another run, or a
// record whose number goes back, nothing counts: these lines may be of another run.
class Journal {
 public:
  // A last line without a line break was being written when the process died: it does not count.
  // Throws DataError naming file and line if another is damaged or missing, unless it is to be salvaged; the
  // header must be there in any case.
  explicit Journal(std::filesystem::path file, Damage damage = Damage::kRefuse);

  const std::filesystem::path& file() const { return file_; }
  int version() const { return version_; }                 // that its first line names
  const JournalHeader& header() const { return header_; }  // the last: what is asked for
  const std::vector<Session>& sessions() const { return sessions_; }
  const std::vector<Numerics>& numerics() const { return numerics_; }  // by place
  const UnitTable& units() const {
    return units_;
  }  // those with an attempt; the first success of a unit counts

  std::int64_t n_units() const;    // of the whole run
  std::int64_t n_settled() const;  // succeeded, or failed for good

  // Bytes of a last line that was cut short.
  std::int64_t torn_bytes() const { return torn_bytes_; }
  std::int64_t intact_bytes() const { return intact_bytes_; }
  std::int64_t n_lines() const { return std::ssize(taken_); }         // that count
  const std::vector<std::string>& damage() const { return damage_; }  // "line 7 is damaged"
  // Units of which two attempts with the same arithmetic gave different values.
  const std::vector<UnitId>& contradictions() const { return contradictions_; }

  // Units that are not settled, and over which the process died. To be asked when no session goes on.
  std::map<UnitId, Deaths> deaths() const;

  // More is asked for from now on: methods have the places of `header`, and units of the same instance are
  // theirs. Throws std::invalid_argument if an instance is not there any more, or samples are fewer.
  void grow(const JournalHeader& header);

  // Calls take(record) for every line that counts, in their order, read again. The method of an attempt is
  // left to the caller, who knows its instance. Throws DataError.
  void for_each_record(const std::function<void(const JournalRecord&)>& take) const;

  // The lines that count, numbered anew. Throws DataError.
  std::string intact_text() const;

  // The whole result of a unit that succeeded, read again. Throws DataError.
  UnitResult read_unit(UnitId unit) const;

  // The tokens of a sample, read again; absent if the journal does not hold them. Throws DataError.
  bool has_tokens(SampleIndex sample) const { return token_offsets_.contains(sample); }
  std::optional<SampleTokens> read_tokens(SampleIndex sample) const;

 private:
  void take_line(const std::string& line, std::int64_t offset);
  [[noreturn]] void refuse_second_header(const JournalHeader& header);
  void check_number(std::int64_t number);
  void take(const JournalRecord& record, std::int64_t offset);
  void take(const NumericsRecord& record);
  void take(const SampleTokens& tokens, std::int64_t offset);
  void take(const Assigned& assigned);
  MethodIndex place_of(const std::string& instance) const;
  void take(Attempt attempt, std::int64_t offset);
  void check_length(SampleIndex sample, std::int64_t n_tokens) const;
  void note_damage(const std::string& problem);

  std::filesystem::path file_;
  Damage on_damage_;
  bool has_header_ = false;
  int version_ = kJournalVersion;
  JournalHeader header_;
  std::map<std::string, MethodIndex> places_;  // by instance_name()
  std::vector<Session> sessions_;
  std::vector<Numerics> numerics_;
  UnitTable units_;
  std::map<UnitId, std::int64_t> offsets_;  // of the first success
  std::map<SampleIndex, std::int64_t> token_offsets_;
  std::int64_t line_ = 0;            // read last, 1-based
  std::int64_t last_number_ = 0;     // of the records that count
  std::int64_t next_number_ = 1;     // that the next record should bear
  bool is_astray_ = false;           // what comes may be of another journal
  std::vector<std::int64_t> taken_;  // where the lines that count begin
  std::int64_t intact_bytes_ = 0;
  std::int64_t torn_bytes_ = 0;
  std::vector<std::string> damage_;
  std::vector<UnitId> contradictions_;
  DeathsInHand in_hand_;
};

enum class Sync { kDisk, kNone };  // kNone: for measurements

// Appends. One writer a file: the caller holds the folder's lock.
class JournalWriter {
 public:
  // Begins a new journal. The file is there with its header or not at all.
  JournalWriter(const std::filesystem::path& file, const JournalHeader& header, Sync sync = Sync::kDisk);

  // Goes on with one that was read. Cuts off a torn last line; if there is damage, the lines that count
  // are copied into a new file and the old one is kept as journal.jsonl.damaged. What was read is on the disk
  // then.
  explicit JournalWriter(const Journal& so_far, Sync sync = Sync::kDisk);

  ~JournalWriter();
  JournalWriter(const JournalWriter&) = delete;
  JournalWriter& operator=(const JournalWriter&) = delete;

  // Written, but known for sure only after sync(). Throws OutputError with path and bytes; the line is not
  // there then.
  void append(const JournalRecord& record);
  // Throws OutputError if the disk does not take them. The lines since the last sync are cut off then: the
  // page cache would go on showing them to readers as if they were on the disk.
  void sync();

 private:
  void open();
  void write(const std::string& line);

  std::filesystem::path file_;
  Sync sync_;
  int version_ = kJournalVersion;
  int descriptor_ = -1;
  std::int64_t n_lines_ = 0;
  std::int64_t n_bytes_ = 0;
  std::int64_t n_synced_bytes_ = 0;
};

}  // namespace kvcompare
