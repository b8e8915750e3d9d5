#include "coordinator/journal/journal.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "common/errors.h"
#include "common/files/atomic_file.h"
#include "common/files/fault_point.h"
#include "common/path_on_disk.h"
#include "common/run/instance_name.h"
#include "coordinator/journal/growth.h"
#include "coordinator/journal/journal_line.h"
#include "coordinator/journal/journal_values.h"

namespace kvcompare {
namespace {

constexpr std::int64_t kMostRecords = std::int64_t{1} << 53;

std::string last_error() { return std::strerror(errno); }

std::ifstream open_to_read(const std::filesystem::path& file) {
  if (const auto kind = kind_of_irregular_file(file))
    throw DataError(file.string(), 0,
                    "is " + *kind + ", not a file; a journal is a regular file that kvcompare has written");
  std::ifstream stream(file, std::ios::binary);
  if (!stream) throw DataError(file.string(), 0, "cannot be read: " + last_error());
  return stream;
}

NumberedRecord parse(std::string_view line) {
  const auto json = json_of_journal_line(line);
  if (!json) throw std::invalid_argument("is damaged: its checksum is wrong");
  return record_of_json(*json);
}

DataError changed(const std::filesystem::path& file, const std::string& problem) {
  return {file.string(), 0, "has changed while it was read: " + problem};
}

// A line that was read before.
JournalRecord read_record(std::ifstream& stream, std::int64_t offset, const std::filesystem::path& file) {
  stream.seekg(offset);
  std::string line;
  std::getline(stream, line);
  try {
    return parse(line).record;
  } catch (const std::exception& error) {
    throw changed(file, error.what());
  }
}

std::map<std::string, MethodIndex> places_of(const RunSpec& spec) {
  std::map<std::string, MethodIndex> places;
  for (const auto& method : spec.methods)
    places.emplace(instance_name(method), MethodIndex(std::ssize(places)));
  if (places.size() != spec.methods.size()) throw std::invalid_argument("names an instance twice");
  return places;
}

template <class Value, class NewKey>
std::map<UnitId, Value> with_keys(std::map<UnitId, Value> values, const NewKey& key) {
  std::map<UnitId, Value> result;
  for (auto& [unit, value] : values) result.emplace(key(unit), std::move(value));
  return result;
}

}  // namespace

Journal::Journal(std::filesystem::path file, Damage damage) : file_(std::move(file)), on_damage_(damage) {
  auto stream = open_to_read(file_);
  std::int64_t offset = 0;
  for (std::string line; std::getline(stream, line);) {
    ++line_;
    const auto n_bytes = std::ssize(line);
    if (stream.eof()) {  // no line break
      torn_bytes_ = n_bytes;
      break;
    }
    take_line(line, offset);
    offset += n_bytes + 1;
  }
  if (stream.bad()) throw DataError(file_.string(), line_ + 1, "cannot be read");
  intact_bytes_ = offset;
  if (!has_header_)
    throw DataError(file_.string(), 1, "holds no whole header; this folder cannot be continued");
}

void Journal::take_line(const std::string& line, std::int64_t offset) {
  try {
    const auto [number, record, version] = parse(line);
    const auto* header = std::get_if<JournalHeader>(&record);
    if (line_ == 1 && !header) throw std::invalid_argument("is not the header of a journal");
    if (line_ == 1) version_ = version;
    if (line_ > 1 && header) refuse_second_header(*header);
    check_number(number);
    take(record, offset);
    taken_.push_back(offset);
  } catch (const std::invalid_argument& error) {
    if (line_ == 1) throw DataError(file_.string(), line_, error.what());
    note_damage(error.what());
    ++next_number_;
  }
}

// What follows is of this run only if the header is.
void Journal::refuse_second_header(const JournalHeader& header) {
  is_astray_ = header.identity != header_.identity;
  last_number_ = next_number_ = 1;
  throw std::invalid_argument(is_astray_ ? "is the header of another run" : "is a second header");
}

void Journal::check_number(std::int64_t number) {
  if (is_astray_) throw std::invalid_argument("follows lines that may be of another run");
  if (number <= last_number_ || number > kMostRecords) {
    is_astray_ = true;
    throw std::invalid_argument("is record " + std::to_string(number) + " after record " +
                                std::to_string(last_number_) + ": it may be of another run");
  }
  if (number != next_number_)
    note_damage("is record " + std::to_string(number) + ", expected record " + std::to_string(next_number_) +
                ": lines are missing or out of order");
  last_number_ = number;
  next_number_ = number + 1;
}

void Journal::note_damage(const std::string& problem) {
  if (on_damage_ == Damage::kRefuse)
    throw DataError(file_.string(), line_,
                    problem + "; --salvage keeps the intact lines and evaluates the other units again");
  damage_.push_back("line " + std::to_string(line_) + " " + problem);
}

void Journal::take(const JournalRecord& record, std::int64_t offset) {
  if (const auto* attempt = std::get_if<Attempt>(&record)) {
    take(*attempt, offset);
  } else if (const auto* numerics = std::get_if<NumericsRecord>(&record)) {
    take(*numerics);
  } else if (const auto* tokens = std::get_if<SampleTokens>(&record)) {
    take(*tokens, offset);
  } else if (const auto* session = std::get_if<Session>(&record)) {
    in_hand_.session_is_over();
    sessions_.push_back(*session);
  } else if (const auto* end = std::get_if<SessionEnd>(&record)) {
    in_hand_.excused();
    if (!sessions_.empty()) sessions_.back().end = *end;
  } else if (const auto* assigned = std::get_if<Assigned>(&record)) {
    take(*assigned);
  } else if (std::holds_alternative<Excused>(record)) {
    in_hand_.excused();
  } else if (const auto* growth = std::get_if<Growth>(&record)) {
    grow(growth->header);
  } else {
    const auto& header = std::get<JournalHeader>(record);
    check_values(header);
    header_ = header;
    places_ = places_of(header.spec);
    has_header_ = true;
  }
}

void Journal::grow(const JournalHeader& header) {
  check_values(header);
  if (!has_same_fixed_part(header_, header) || header.n_samples < header_.n_samples ||
      !missing_instances(header_.spec, header.spec).empty())
    throw std::invalid_argument("does not ask for all that was asked for before");
  const auto places = places_of(header.spec);
  std::vector<MethodIndex> moved;  // [methods so far]
  for (const auto& method : header_.spec.methods) moved.push_back(places.at(instance_name(method)));
  const auto now = [&](UnitId unit) {
    return UnitId{unit.sample, moved[static_cast<std::size_t>(unit.method.value)]};
  };
  units_ = with_keys(std::move(units_), now);
  offsets_ = with_keys(std::move(offsets_), now);
  std::ranges::transform(contradictions_, contradictions_.begin(), now);
  in_hand_.renumber(now);
  header_ = header;
  places_ = places;
}

MethodIndex Journal::place_of(const std::string& instance) const {
  const auto place = places_.find(instance);
  if (place == places_.end())
    throw std::invalid_argument("is of an instance that the run does not have: " + instance);
  return place->second;
}

void Journal::take(const Assigned& assigned) {
  for (const auto& unit : assigned.units) check_unit(header_, unit);
  in_hand_.assigned(assigned.units, assigned.alone);
}

std::map<UnitId, Deaths> Journal::deaths() const {
  auto over = in_hand_;
  over.session_is_over();
  return over.deaths();
}

void Journal::take(const NumericsRecord& record) {
  const bool is_known = record.place >= 0 && record.place < std::ssize(numerics_);
  if (is_known && numerics_[static_cast<std::size_t>(record.place)] == record.numerics) return;
  if (record.place != std::ssize(numerics_))
    throw std::invalid_argument("tells of numerics " + std::to_string(record.place) + ", expected " +
                                std::to_string(numerics_.size()));
  numerics_.push_back(record.numerics);
}

void Journal::take(Attempt attempt, std::int64_t offset) {
  std::visit([&](auto& outcome) { outcome.unit.method = place_of(attempt.instance); }, attempt.outcome);
  const auto unit = unit_of(attempt.outcome);
  check_values(header_, attempt);
  if (const auto* result = std::get_if<UnitResult>(&attempt.outcome))
    check_length(unit.sample, result->numbers.n_tokens);
  if (attempt.numerics < kNotTold || attempt.numerics >= std::ssize(numerics_))
    throw std::invalid_argument("is of numerics " + std::to_string(attempt.numerics) +
                                ", of which no line tells");
  auto& record = units_[unit];
  in_hand_.answered(unit);
  if (const auto* failure = std::get_if<UnitFailure>(&attempt.outcome)) {
    ++record.n_failed;
    if (attempt.gives_up) record.n_failed = std::max(record.n_failed, kMaxAttempts);
    record.reason = failure->reason;
    if (is_settled(record)) in_hand_.settled(unit);
    return;
  }
  in_hand_.settled(unit);
  const auto& result = std::get<UnitResult>(attempt.outcome);
  if (!record.summary) {
    record.summary = result.numbers;
    record.seconds = result.seconds;
    record.numerics = attempt.numerics;
    offsets_[unit] = offset;
  } else if (record.numerics == attempt.numerics && values_text(read_unit(unit)) != values_text(result)) {
    contradictions_.push_back(unit);
  }
}

void Journal::take(const SampleTokens& tokens, std::int64_t offset) {
  check_values(header_, tokens);
  check_length(tokens.sample, std::ssize(tokens.ids));
  if (!has_tokens(tokens.sample))
    token_offsets_[tokens.sample] = offset;
  else if (read_tokens(tokens.sample) != tokens)
    throw std::invalid_argument("holds other tokens of a sample than a line before it");
}

void Journal::check_length(SampleIndex sample, std::int64_t n_tokens) const {
  for (auto other = units_.lower_bound({sample, MethodIndex(0)});
       other != units_.end() && other->first.sample == sample; ++other)
    if (const auto& summary = other->second.summary; summary && summary->n_tokens != n_tokens)
      throw std::invalid_argument("has values that cannot be: a sample of " + std::to_string(n_tokens) +
                                  " tokens, which had " + std::to_string(summary->n_tokens) +
                                  " under another method");
}

std::int64_t Journal::n_units() const {
  const auto n_skipped = std::ranges::count_if(
      header_.skipped, [&](SampleIndex sample) { return holds(header_.shard, sample); });
  return (n_samples_of(header_.shard, header_.n_samples) - n_skipped) * std::ssize(header_.spec.methods);
}

std::int64_t Journal::n_settled() const {
  return std::ranges::count_if(units_, [](const auto& entry) { return is_settled(entry.second); });
}

UnitResult Journal::read_unit(UnitId unit) const {
  auto stream = open_to_read(file_);
  const auto record = read_record(stream, offsets_.at(unit), file_);
  const auto* attempt = std::get_if<Attempt>(&record);
  const auto* found = attempt ? std::get_if<UnitResult>(&attempt->outcome) : nullptr;
  if (!found || found->unit.sample != unit.sample || place_of(attempt->instance) != unit.method)
    throw changed(file_, "there is another record where a unit was");
  auto result = *found;
  result.unit = unit;
  return result;
}

std::optional<SampleTokens> Journal::read_tokens(SampleIndex sample) const {
  const auto found = token_offsets_.find(sample);
  if (found == token_offsets_.end()) return std::nullopt;
  auto stream = open_to_read(file_);
  const auto record = read_record(stream, found->second, file_);
  const auto* tokens = std::get_if<SampleTokens>(&record);
  if (!tokens || tokens->sample != sample)
    throw changed(file_, "there is another record where the tokens of a sample were");
  return *tokens;
}

void Journal::for_each_record(const std::function<void(const JournalRecord&)>& take) const {
  auto stream = open_to_read(file_);
  for (const auto offset : taken_) take(read_record(stream, offset, file_));
}

std::string Journal::intact_text() const {
  auto stream = open_to_read(file_);
  std::string text;
  std::int64_t n_lines = 0;
  for (const auto offset : taken_)
    text += journal_line(json_of_record(read_record(stream, offset, file_), ++n_lines, version_));
  return text;
}

JournalWriter::JournalWriter(const std::filesystem::path& file, const JournalHeader& header, Sync sync)
    : file_(file), sync_(sync), n_lines_(1) {
  const auto line = journal_line(json_of_record(header, 1));
  write_file_atomically(file_, line);
  n_bytes_ = n_synced_bytes_ = std::ssize(line);
  open();
}

JournalWriter::JournalWriter(const Journal& so_far, Sync sync)
    : file_(so_far.file()),
      sync_(sync),
      version_(so_far.version()),
      n_lines_(so_far.n_lines()),
      n_bytes_(so_far.intact_bytes()) {
  if (!so_far.damage().empty()) {
    const auto intact = so_far.intact_text();
    const auto kept = file_.string() + ".damaged";
    std::error_code error;
    std::filesystem::copy_file(file_, kept, std::filesystem::copy_options::overwrite_existing, error);
    if (error) throw OutputError(kept, "cannot be written: " + error.message());
    sync_file(kept);
    write_file_atomically(file_, intact);
    n_bytes_ = std::ssize(intact);
  }
  open();
  if (::ftruncate(descriptor_, n_bytes_) != 0)
    throw OutputError(file_.string(), "the torn last line cannot be cut off: " + last_error());
  n_synced_bytes_ = n_bytes_;
  this->sync();  // a process that was killed may have left lines that no disk has yet
}

JournalWriter::~JournalWriter() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void JournalWriter::open() {
  descriptor_ = ::open(file_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (descriptor_ < 0) throw OutputError(file_.string(), "cannot be written: " + last_error());
}

void JournalWriter::append(const JournalRecord& record) {
  fault_point("before_journal_write");
  write(journal_line(json_of_record(record, n_lines_ + 1, version_)));
  fault_point("after_write_before_sync");
  ++n_lines_;
}

void JournalWriter::write(const std::string& line) {
  const auto n_first = bytes_before_fault("mid_journal_write", line.size());
  std::size_t n_written = 0;
  while (n_written < line.size()) {
    const auto end = n_written < n_first ? n_first : line.size();
    const auto n = ::write(descriptor_, line.data() + n_written, end - n_written);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const auto problem = last_error();
      // What is left of the line would be cut off by the next reader, too.
      [[maybe_unused]] const int ignored = ::ftruncate(descriptor_, n_bytes_);
      throw OutputError(file_.string(), "wrote " + std::to_string(n_written) + " of " +
                                            std::to_string(line.size()) + " bytes of a record: " + problem);
    }
    n_written += static_cast<std::size_t>(n);
    if (n_written == n_first) fault_point("mid_journal_write");
  }
  n_bytes_ += std::ssize(line);
}

void JournalWriter::sync() {
  if (sync_ == Sync::kDisk && ::fdatasync(descriptor_) != 0) {
    const auto problem = last_error();
    [[maybe_unused]] const int ignored = ::ftruncate(descriptor_, n_synced_bytes_);
    throw OutputError(file_.string(),
                      "cannot sync " + std::to_string(n_bytes_) + " bytes to the disk: " + problem);
  }
  n_synced_bytes_ = n_bytes_;
}

}  // namespace kvcompare
