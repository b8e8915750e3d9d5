// What the lines of the journal say.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/data/sample.h"
#include "common/data/truncation.h"
#include "common/run/found_threshold.h"
#include "common/run/model_shape.h"
#include "common/run/numerics.h"
#include "common/run/run_spec.h"
#include "common/run/shard.h"
#include "common/run/unit_result.h"
#include "coordinator/journal/fingerprint.h"
#include "coordinator/journal/session.h"
#include "coordinator/journal/unit_table.h"

namespace kvcompare {

// Of the format. Raised when a program that reads the version before would go wrong. Version 3 is read, too,
// and a run that it holds goes on in it.
inline constexpr int kJournalVersion = 4;

// Where a run found what it read: no number depends on it. Absolute paths, or ids of the hub.
struct Places {
  std::string model_name;
  std::string data_path;
  std::map<std::string, std::string> kvzap_scorers{};    // by the scorer's hash
  std::map<std::string, std::string> external_scores{};  // likewise

  // Of what an instance reads. Throws InvariantError if the place is not known.
  const std::string& of(const MethodParameter& place, const std::string& hash) const;

  static constexpr std::array kFields{"model_name", "data_path", "kvzap_scorers", "external_scores"};
  static constexpr std::array kLaterFields{"external_scores"};
};

// What was asked for: the first line, and a later one whenever the run grew. With the attempts the last of
// them is all that the results are made of.
struct JournalHeader {
  std::chrono::system_clock::time_point asked;
  Identity identity;
  RunSpec spec;
  Places places;
  ModelShape model;
  std::int64_t n_samples = 0;
  std::vector<SampleIndex> skipped;  // no token of theirs is scored: too short, or the data names none
  std::vector<BadLine> bad_lines;    // left out with skip_bad_lines
  Truncation truncated;
  std::vector<FoundThreshold> found_thresholds{};  // of instances that are asked for now or were before
  // Whose samples alone are evaluated; absent: all are. Everything above is that of the whole run.
  std::optional<Shard> shard{};

  static constexpr std::array kFields{"asked",     "identity",         "config",  "places",
                                      "model",     "n_samples",        "skipped", "bad_lines",
                                      "truncated", "found_thresholds", "shard"};
  static constexpr std::array kLaterFields{"found_thresholds", "shard"};
};

// More samples or instances are asked for than before. Everything else is as it was.
struct Growth {
  JournalHeader header;
};

// A kind of arithmetic that units are computed with; it stands ahead of them.
struct NumericsRecord {
  int place = 0;  // 0-based, of those in the journal
  Numerics numerics;

  static constexpr std::array kFields{"numerics_place", "numerics"};
};

// The tokens of a sample, with save_tokens: so that they can be shown when the data is not there any more.
struct SampleTokens {
  SampleIndex sample{};
  std::vector<TokenId> ids{};

  static constexpr std::array kFields{"sample", "ids"};
  friend bool operator==(const SampleTokens&, const SampleTokens&) = default;
};

// Units that a worker was given. A unit of which nothing follows was in its hand when the session ended.
// Written, but not synced: it tells of deaths of the process, not of the machine.
struct Assigned {
  Rank worker{};
  std::vector<UnitId> units{};  // by the places that instances have at this record
  bool alone = false;           // no other unit is in hand
};

// From here on the session may end without its units being to blame.
struct Excused {
  std::string why;
};

// One evaluation of a unit, successful or not.
struct Attempt {
  UnitOutcome outcome;   // token_nll is there with save_token_nll only
  std::string instance;  // instance_name() of its method: what the unit is known by, whatever its place
  int number = 1;        // of this unit, from 1
  Rank worker;
  std::string host;
  std::string device;
  int numerics = kNotTold;  // place of those of the worker
  bool gives_up = false;    // no further attempt follows, whatever the number
};

using JournalRecord = std::variant<JournalHeader, Growth, Session, SessionEnd, NumericsRecord, SampleTokens,
                                   Assigned, Excused, Attempt>;

inline UnitId unit_of(const UnitOutcome& outcome) {
  return std::visit([](const auto& one) { return one.unit; }, outcome);
}

// One line of JSON without a line break. `line` is 1 for the header and counts on: a line that is missing
// shows. All records of a journal have the version that its first line names.
std::string json_of_record(const JournalRecord& record, std::int64_t line, int version = kJournalVersion);

// The method of an attempt is left to the caller, who knows the place of its instance.
struct NumberedRecord {
  std::int64_t line = 0;
  JournalRecord record;
  int version = kJournalVersion;  // that a header names
};

// Throws std::invalid_argument saying what is wrong with the text.
NumberedRecord record_of_json(std::string_view json);

// The values alone, which every attempt at a unit must have in common, as text.
std::string values_text(const UnitResult& result);

}  // namespace kvcompare
