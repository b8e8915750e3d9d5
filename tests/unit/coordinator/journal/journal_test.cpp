#include "coordinator/journal/journal.h"

#include <fstream>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/errors.h"
#include "common/run/instance_name.h"
#include "coordinator/journal/journal_line.h"
#include "coordinator/json/packed_numbers.h"
#include "tests/support/error_of.h"
#include "tests/support/parameters.h"
#include "tests/support/same_counts.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/unit_result_changes.h"
#include "tests/unit/coordinator/unit_results.h"

namespace kvcompare {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

JournalHeader example_header() {
  JournalHeader header;
  header.spec.model_name = "models/tiny";
  header.spec.max_samples = 9;
  header.spec.dtype = Dtype::kFloat64;
  header.spec.methods = {
      {"baseline", "Baseline", KeepAll{}, {}},
      {"kvzap", "KVzap", ScoreThreshold{-6.5, 32}, {{"kvzap_n_sink", std::int64_t{2}}}},
      {"random", "Random", RatioBudget{0.1}, {{"seed", std::uint64_t{18446744073709551615u}}}}};
  header.identity = {{"dtype", "float64"}, {"data", "0123"}};
  header.model = {1, 2, 1, 8, 16, 50, 512};
  header.n_samples = 10;
  header.skipped = {SampleIndex(9)};
  header.bad_lines = {{7, "not JSON"}};
  return header;
}

std::string instance(std::int64_t method) {
  return instance_name(example_header().spec.methods.at(static_cast<std::size_t>(method)));
}

Attempt success(std::int64_t sample, std::int64_t method = 0, double nll = 0.1 + 0.2) {
  auto result = imaginary_result(
      {.sample = sample, .method = method, .total_nll = nll, .n_evicted = method == 0 ? 0 : 1});
  result.seconds = 0.125;
  return {result, instance(method), 1, Rank(3), "node7", "cpu"};
}

Attempt failure(std::int64_t sample, int number) {
  return {UnitFailure{{SampleIndex(sample), MethodIndex(0)}, "not a number"},
          "baseline",
          number,
          Rank(1),
          "node7",
          "cpu"};
}

UnitId unit(std::int64_t sample, std::int64_t method = 0) {
  return {SampleIndex(sample), MethodIndex(method)};
}

class JournalFile : public testing::Test {
 protected:
  // A header and a success for each of n samples.
  void write(std::int64_t n) {
    JournalWriter writer(path_, example_header());
    for (std::int64_t sample = 0; sample < n; ++sample) writer.append(success(sample));
    writer.sync();
  }
  std::string bytes() const { return file_contents(path_); }
  void put(const std::string& contents) { std::ofstream(path_, std::ios::binary) << contents; }
  std::string refusal() const {
    return error_of<DataError>([&] { Journal{path_}; }).what();
  }

  TemporaryFolder folder_;
  fs::path path_ = folder_.path() / "journal.jsonl";
};

// The check value of CRC-32 that every description of it gives.
TEST(JournalLine, BeginsWithTheCrcOfItsText) {
  EXPECT_EQ(journal_line("123456789"), "cbf43926 123456789\n");
  EXPECT_EQ(json_of_journal_line("cbf43926 123456789"), "123456789");
  EXPECT_FALSE(json_of_journal_line("cbf43926 123456780"));
  EXPECT_FALSE(json_of_journal_line("CBF43926 123456789"));
  EXPECT_FALSE(json_of_journal_line("cbf43926"));
  EXPECT_FALSE(json_of_journal_line(""));
}

TEST_F(JournalFile, ReadsBackWhatWasWritten) {
  Session session;
  session.started = std::chrono::sys_days(std::chrono::year(2024) / 2 / 29);
  session.host = "node7";
  session.command_line = {"--data_path", "a b.jsonl"};
  session.n_processes = 4;
  session.n_workers = 3;
  session.load_seconds = 0.1;
  {
    JournalWriter writer(path_, example_header());
    writer.append(session);
    writer.append(success(2, 1));
    writer.append(failure(3, 1));
    writer.append(SessionEnd{
        .finished = session.started, .evaluate_seconds = 1.5, .n_evaluated = 2, .interrupted = true});
    writer.sync();
  }
  const Journal journal(path_);
  const auto &header = journal.header(), expected = example_header();
  EXPECT_EQ(json_of_record(header, 1), json_of_record(expected, 1));
  EXPECT_EQ(std::get<ScoreThreshold>(header.spec.methods.at(1).policy).threshold, -6.5);
  EXPECT_EQ(std::get<RatioBudget>(header.spec.methods.at(2).policy).compression_ratio, 0.1);
  EXPECT_EQ(parameter<std::uint64_t>(header.spec.methods.at(2), "seed"), 18446744073709551615u);
  EXPECT_EQ(header.identity, expected.identity);
  EXPECT_EQ(header.model, expected.model);
  EXPECT_EQ(header.bad_lines.at(0).line, 7);
  EXPECT_EQ(journal.n_units(), 27);
  EXPECT_EQ(journal.n_settled(), 1);
  ASSERT_EQ(journal.sessions().size(), 1u);
  EXPECT_EQ(journal.sessions()[0].started, session.started);
  EXPECT_EQ(journal.sessions()[0].command_line, session.command_line);
  EXPECT_EQ(journal.sessions()[0].n_workers, 3);
  EXPECT_EQ(journal.sessions()[0].end.value().evaluate_seconds, 1.5);
  EXPECT_TRUE(journal.sessions()[0].end->interrupted);
  EXPECT_EQ(journal.units().at(unit(2, 1)).summary.value().total_nll, 0.1 + 0.2);
  EXPECT_EQ(journal.units().at(unit(2, 1)).summary->keys.kept, 3);
  EXPECT_EQ(journal.units().at(unit(3)).n_failed, 1);
  EXPECT_EQ(journal.units().at(unit(3)).reason, "not a number");
  const auto whole = journal.read_unit(unit(2, 1)), written = std::get<UnitResult>(success(2, 1).outcome);
  expect_same_counts(whole, written);
  EXPECT_EQ(whole.numbers.total_nll, written.numbers.total_nll);
  EXPECT_EQ(whole.seconds, 0.125);
}

TEST_F(JournalFile, KeepsNllOfTokensToTheLastBit) {
  auto attempt = success(0);
  const std::vector<double> nll{0.1, 1e-310, 1.7976931348623157e308};
  std::get<UnitResult>(attempt.outcome).token_nll = nll;
  std::get<UnitResult>(attempt.outcome).numbers.total_nll = nll[2];
  std::get<UnitResult>(attempt.outcome).nll_by_position.total_nll = {nll[2]};
  auto header = example_header();
  header.spec.save_token_nll = true;
  JournalWriter(path_, header).append(attempt);
  EXPECT_EQ(Journal(path_).read_unit(unit(0)).token_nll, nll);
}

// The list of changes is not that by which records are written.
TEST(JournalRecord, HoldsEveryValueOfAResult) {
  const auto read_back = [](const UnitResult& result, int version) {
    const auto [line, record, _] =
        record_of_json(json_of_record(Attempt{result, "a", 1, Rank(1), "h", "cpu"}, 7, version));
    auto read = std::get<UnitResult>(std::get<Attempt>(record).outcome);
    read.unit.method = result.unit.method;  // the journal names the instance instead
    return read;
  };
  const auto original = result_of_distinct_values();
  for (const int version : {3, 4}) EXPECT_EQ(read_back(original, version), original);
  for (const auto& change : changes_of_a_result()) {
    auto changed = original;
    change.apply(changed);
    ASSERT_NE(changed, original) << change.name;
    const bool is_value = change.carried == Carried::kEverywhere;
    EXPECT_EQ(values_text(changed) != values_text(original), is_value) << change.name;
    if (change.name == "kept") changed.numbers.keys.kept = original.numbers.keys.kept;  // per_head tells it
    for (const int version : {3, 4}) EXPECT_EQ(read_back(changed, version), changed) << change.name;
  }
}

TEST(JournalRecord, RefusesHalfAGroupOfNumbersAndABucketThatNoNumberHas) {
  const auto text = json_of_record(Attempt{result_of_distinct_values(), "a", 1, Rank(1), "h", "cpu"}, 7, 3);
  const auto with = [&](const std::string& old, const std::string& now) {
    auto other = text;
    other.replace(other.find(old), old.size(), now);
    return other;
  };
  ASSERT_NO_THROW(record_of_json(text));
  EXPECT_THROW(record_of_json(with("\"sum_kl\"", "\"sum_of_kl\"")), std::invalid_argument);
  EXPECT_THROW(record_of_json(with("[-9,", "[-900000,")), std::invalid_argument);
  // A list may be packed, whatever the version. The list of buckets is that of distances.
  const auto far = packed(std::vector<std::int64_t>{-900000, 3, 4});
  EXPECT_THROW(record_of_json(with("[-9,12,1]", "\"" + far + "\"")), std::invalid_argument);
  const auto near = packed(std::vector<std::int64_t>{-9, 3, 4});
  const auto read = record_of_json(with("[-9,12,1]", "\"" + near + "\"")).record;
  EXPECT_EQ(values_text(std::get<UnitResult>(std::get<Attempt>(read).outcome)),
            values_text(result_of_distinct_values()));
  EXPECT_THROW(record_of_json(with("[-9,12,1]", "\"" + near + "A\"")), std::invalid_argument);
}

// An older program that continues it has to understand what was added.
TEST(JournalRecord, OfARunOfVersion3StaysInVersion3) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "journal.jsonl";
  std::ofstream(file, std::ios::binary) << journal_line(json_of_record(example_header(), 1, 3));
  const Journal so_far(file);
  EXPECT_EQ(so_far.version(), 3);
  JournalWriter(so_far).append(success(0));
  EXPECT_EQ(file_contents(file), so_far.intact_text() + journal_line(json_of_record(success(0), 2, 3)));
  EXPECT_THAT(file_contents(file), HasSubstr("\"kept_per_head\":["));
  EXPECT_EQ(Journal(file).n_settled(), 1);
}

TEST(JournalRecord, LeavesOutNoDivergenceUnlessItIsGiven) {
  auto header = example_header();
  EXPECT_THAT(json_of_record(header, 1), testing::Not(HasSubstr("no_divergence")));
  header.spec.no_divergence = true;
  const auto read = std::get<JournalHeader>(record_of_json(json_of_record(header, 1)).record);
  EXPECT_TRUE(read.spec.no_divergence);
}

JournalHeader header_with_tokens() {
  auto header = example_header();
  header.spec.save_tokens = true;
  return header;
}

TEST_F(JournalFile, KeepsTheTokensOfSamples) {
  const SampleTokens plain{.sample = SampleIndex(2), .ids = {3, 0, 49}},
      longer{.sample = SampleIndex(0), .ids = {7, 8, 9, 10, 11}};
  {
    JournalWriter writer(path_, header_with_tokens());
    for (const auto& tokens : {plain, longer}) writer.append(tokens);
  }
  const Journal journal(path_);
  EXPECT_EQ(journal.read_tokens(SampleIndex(2)), plain);
  EXPECT_EQ(journal.read_tokens(SampleIndex(0)), longer);
  EXPECT_TRUE(journal.has_tokens(SampleIndex(0)));
  EXPECT_FALSE(journal.has_tokens(SampleIndex(1)));
  EXPECT_EQ(journal.read_tokens(SampleIndex(1)), std::nullopt);
}

TEST_F(JournalFile, RefusesTokensThatCannotBe) {
  const std::vector<std::pair<SampleTokens, const char*>> cases{
      {{.sample = SampleIndex(10), .ids = {1, 2}}, "of a sample of the run"},
      {{.sample = SampleIndex(9), .ids = {1, 2}}, "of a sample of the run"},  // skipped
      {{.sample = SampleIndex(0), .ids = {1}}, "two tokens"},
      {{.sample = SampleIndex(0), .ids = {1, 50}}, "of the vocabulary"},
      {{.sample = SampleIndex(0), .ids = {1, -1}}, "of the vocabulary"}};
  for (const auto& [tokens, problem] : cases) {
    JournalWriter(path_, header_with_tokens()).append(tokens);
    EXPECT_THAT(refusal(), HasSubstr(problem));
  }
  JournalWriter(path_, example_header()).append(SampleTokens{.sample = SampleIndex(0), .ids = {1, 2}});
  EXPECT_THAT(refusal(), HasSubstr("save_tokens only"));
}

TEST_F(JournalFile, RefusesOtherTokensOfASampleAndTokensOfAnotherLengthThanItsUnits) {
  const SampleTokens tokens{.sample = SampleIndex(0), .ids = {1, 2, 3, 4}};
  {
    JournalWriter writer(path_, header_with_tokens());
    writer.append(tokens);
    writer.append(tokens);  // the same again
  }
  EXPECT_EQ(Journal(path_).read_tokens(SampleIndex(0)), tokens);
  auto other = tokens;
  other.ids[1] = 5;
  JournalWriter(Journal(path_)).append(other);
  EXPECT_THAT(refusal(), HasSubstr("other tokens"));
  JournalWriter writer(path_, header_with_tokens());
  writer.append(success(0));  // of four tokens
  writer.append(SampleTokens{.sample = SampleIndex(0), .ids = {1, 2, 3}});
  EXPECT_THAT(refusal(), HasSubstr("under another method"));
}

TEST(JournalRecord, HoldsEveryValueOfASession) {
  const auto time = std::chrono::sys_seconds(std::chrono::seconds(1'700'000'000));
  const auto read_back = [](const JournalRecord& record) {
    return record_of_json(json_of_record(record, 7)).record;
  };
  const Session session{.started = time,
                        .host = "a",
                        .kvcompare_version = "b",
                        .libtorch_version = "c",
                        .compiler = "d",
                        .commit = "h",
                        .command_line = {"e", "f"},
                        .n_processes = 2,
                        .n_workers = 3,
                        .device = "g",
                        .n_threads = 4,
                        .load_seconds = 0.5};
  [[maybe_unused]] const auto& [m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13] =
      session;  // no more members
  const auto read = std::get<Session>(read_back(session));
  EXPECT_EQ(read.started, time);
  EXPECT_EQ(read.host, "a");
  EXPECT_EQ(read.kvcompare_version, "b");
  EXPECT_EQ(read.libtorch_version, "c");
  EXPECT_EQ(read.compiler, "d");
  EXPECT_EQ(read.commit, "h");
  EXPECT_EQ(read.command_line, session.command_line);
  EXPECT_EQ(read.n_processes, 2);
  EXPECT_EQ(read.n_workers, 3);
  EXPECT_EQ(read.device, "g");
  EXPECT_EQ(read.n_threads, 4);
  EXPECT_EQ(read.load_seconds, 0.5);
  const auto end = std::get<SessionEnd>(read_back(
      SessionEnd{.finished = time, .evaluate_seconds = 1.5, .n_evaluated = 2, .interrupted = true}));
  EXPECT_EQ(end.finished, time);
  EXPECT_EQ(end.evaluate_seconds, 1.5);
  EXPECT_EQ(end.n_evaluated, 2);
  EXPECT_TRUE(end.interrupted);
}

TEST(JournalRecord, RefusesANumberThatIsNotWhole) {
  const auto text = json_of_record(Attempt{result_of_distinct_values(), "a", 1, Rank(1), "h", "cpu"}, 7);
  for (const std::string count : {"attended", "n_kv_heads", "bin_width"}) {
    auto other = text;
    const auto place = other.find("\"" + count + "\":") + count.size() + 3;
    other.insert(place, "1.5,\"ignored\":");
    EXPECT_THROW(record_of_json(other), std::invalid_argument) << count;
  }
}

// A journal that kvcompare 0.1.0 wrote when version 3 was new: a run that grew.
TEST(JournalRecord, OfVersion3IsReadAndWrittenToTheByte) {
  const auto file = std::filesystem::path(KVCOMPARE_JOURNALS) / "version_3.jsonl";
  const Journal journal(file);
  EXPECT_EQ(journal.n_units(), 8);
  EXPECT_EQ(journal.n_settled(), 8);
  EXPECT_EQ(journal.sessions().size(), 2u);
  EXPECT_THAT(journal.header().skipped, testing::ElementsAre(SampleIndex(1)));
  EXPECT_EQ(journal.units().at(unit(2, 1)).summary.value().keys.kept, 48);
  EXPECT_EQ(journal.intact_text(), file_contents(file));
}

// Three sessions: killed, stopped by a signal, killed.
TEST_F(JournalFile, KnowsOverWhichUnitsSessionsDied) {
  JournalWriter writer(path_, example_header());
  writer.append(Session{});
  writer.append(Assigned{Rank(1), {unit(0), unit(1, 2)}, false});
  writer.append(success(0));
  writer.append(Session{});
  writer.append(Assigned{Rank(2), {unit(3)}, false});
  writer.append(Excused{"a stop was asked for"});
  writer.append(Session{});
  writer.append(Assigned{Rank(2), {unit(1, 2)}, true});
  EXPECT_EQ(Journal(path_).deaths(), (std::map<UnitId, Deaths>{{unit(1, 2), {2, 1}}}));
  EXPECT_EQ(Journal(path_).intact_text(), bytes());

  auto last = failure(4, 1);
  last.gives_up = true;
  writer.append(last);
  EXPECT_EQ(Journal(path_).n_settled(), 2);
  writer.append(Assigned{Rank(1), {unit(9)}, false});  // a sample that the run skips
  EXPECT_THROW(Journal{path_}, DataError);
}

TEST_F(JournalFile, TakesTextThatIsNoUtf8) {
  JournalWriter(path_, example_header())
      .append(Attempt{UnitFailure{unit(0), "caf\xe9"}, "baseline", 1, Rank(1), "h", "cpu"});
  EXPECT_EQ(Journal(path_).units().at(unit(0)).reason, "caf\xef\xbf\xbd");
}

TEST_F(JournalFile, CutAtAnyByteOfItsLastRecordLosesThatRecordAlone) {
  write(3);
  const auto whole = bytes();
  const auto last = whole.rfind('\n', whole.size() - 2) + 1;
  for (auto size = last; size < whole.size(); ++size) {
    put(whole.substr(0, size));
    const Journal journal(path_);
    ASSERT_EQ(journal.units().size(), 2u) << size;
    ASSERT_EQ(journal.torn_bytes(), static_cast<std::int64_t>(size - last));
    JournalWriter(journal).append(success(2));
    ASSERT_EQ(bytes(), whole) << size;
  }
}

TEST_F(JournalFile, CutInItsHeaderIsNoJournal) {
  write(0);
  const auto whole = bytes();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    put(whole.substr(0, size));
    ASSERT_THAT(refusal(), HasSubstr("journal.jsonl:1: holds no whole header")) << size;
  }
}

// A bit that turns the last line break into something else makes a torn line of it; every other one is told
// with its line.
TEST_F(JournalFile, OneFlippedBitIsToldWithItsLine) {
  write(5);
  const auto whole = bytes();
  std::mt19937_64 random(1);
  for (int trial = 0; trial < 2000; ++trial) {
    const auto at = trial < 8 ? whole.size() - 1 : random() % whole.size();
    auto damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << (trial % 8)));
    put(damaged);
    if (at == whole.size() - 1) {
      const Journal journal(path_);
      ASSERT_EQ(journal.units().size(), 4u);
      ASSERT_GT(journal.torn_bytes(), 0);
      continue;
    }
    const auto line = std::count(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(at), '\n') + 1;
    const auto text = refusal();
    ASSERT_THAT(text, HasSubstr("journal.jsonl:" + std::to_string(line) + ": ")) << "byte " << at;
  }
}

TEST_F(JournalFile, SalvagedKeepsEveryOtherLineAndTheDamagedFile) {
  write(5);
  const auto whole = bytes();
  auto damaged = whole;
  const auto third = damaged.find("[2,\"baseline\"]");
  damaged[third] = '(';
  put(damaged);
  const Journal journal(path_, Damage::kSalvage);
  EXPECT_THAT(journal.damage(), testing::ElementsAre(HasSubstr("line 4 is damaged")));
  EXPECT_EQ(journal.units().size(), 4u);
  EXPECT_FALSE(journal.units().contains(unit(2)));
  JournalWriter(journal).append(success(2));
  EXPECT_EQ(file_contents(path_.string() + ".damaged"), damaged);
  const Journal again(path_);
  EXPECT_EQ(again.units().size(), 5u);
  EXPECT_EQ(again.read_unit(unit(4)).numbers.total_nll, 0.1 + 0.2);
}

TEST_F(JournalFile, WithoutOneOfItsLinesIsRefusedUnlessSalvaged) {
  write(4);
  const auto whole = bytes();
  std::vector<std::size_t> starts{0};
  while (const auto end = whole.find('\n', starts.back()) + 1) starts.push_back(end);
  for (std::size_t line = 1; line + 2 < starts.size(); ++line) {
    put(whole.substr(0, starts[line]) + whole.substr(starts[line + 1]));
    EXPECT_THAT(refusal(), HasSubstr("journal.jsonl:" + std::to_string(line + 1) + ": is record " +
                                     std::to_string(line + 2)));
    const Journal journal(path_, Damage::kSalvage);
    EXPECT_EQ(journal.units().size(), 3u);
    EXPECT_FALSE(journal.units().contains(unit(static_cast<std::int64_t>(line) - 1)));
  }
}

// A line of a unit that the run does not have, a second header of the same run, and an old line once more.
TEST_F(JournalFile, SalvagedIsReadAgainWithoutComplaint) {
  write(3);
  const auto whole = bytes();
  const auto second = whole.substr(whole.find('\n') + 1);
  for (const auto& surplus :
       {journal_line(json_of_record(success(99), 5)), journal_line(json_of_record(example_header(), 1)),
        second.substr(0, second.find('\n') + 1)}) {
    const auto damaged = whole + surplus;
    put(damaged);
    EXPECT_THAT(refusal(), HasSubstr("journal.jsonl:5: "));
    const Journal journal(path_, Damage::kSalvage);
    EXPECT_EQ(journal.damage().size(), 1u);
    { JournalWriter writer(journal); }
    EXPECT_EQ(bytes(), whole);
    EXPECT_EQ(file_contents(path_.string() + ".damaged"), damaged);
    JournalWriter(Journal(path_)).append(success(3));
    EXPECT_EQ(Journal(path_).units().size(), 4u);
  }
}

TEST_F(JournalFile, TwiceInOneFileIsSalvagedToAllUnitsOfBoth) {
  write(5);
  const auto whole = bytes();
  const auto third = whole.find("[2,\"baseline\"]");
  put(whole.substr(0, whole.rfind('\n', third) + 1) + whole);
  EXPECT_THAT(refusal(), HasSubstr("journal.jsonl:4: is a second header"));
  const Journal journal(path_, Damage::kSalvage);
  EXPECT_EQ(journal.units().size(), 5u);
  { JournalWriter writer(journal); }
  EXPECT_EQ(Journal(path_).units().size(), 5u);
  EXPECT_TRUE(Journal(path_).contradictions().empty());
}

TEST_F(JournalFile, OfAnotherRunBehindItIsNotSalvaged) {
  write(2);
  const auto first = bytes();
  auto other = example_header();
  other.identity["dtype"] = "float16";
  {
    JournalWriter writer(path_, other);
    for (std::int64_t sample = 0; sample < 5; ++sample) writer.append(success(sample, 1));
  }
  const auto second = bytes();
  put(first + second);
  EXPECT_THAT(refusal(), HasSubstr("journal.jsonl:4: is the header of another run"));
  const Journal journal(path_, Damage::kSalvage);
  EXPECT_EQ(journal.units().size(), 2u);
  EXPECT_THAT(journal.damage().at(5), HasSubstr("line 9 follows lines that may be of another run"));
  auto headless = second;
  headless[20] = '?';
  put(first + headless);
  EXPECT_EQ(Journal(path_, Damage::kSalvage).units().size(), 2u);
}

TEST_F(JournalFile, CountsTheFirstSuccessOfAUnitAndTellsIfAnotherDiffers) {
  {
    JournalWriter writer(path_, example_header());
    for (const auto& attempt : {failure(0, 1), success(0), success(0), success(1, 0, 5), success(1, 0, 6)})
      writer.append(attempt);
  }
  const Journal journal(path_);
  EXPECT_EQ(journal.units().at(unit(1)).summary.value().total_nll, 5);
  EXPECT_EQ(journal.units().at(unit(0)).n_failed, 1);
  EXPECT_THAT(journal.contradictions(), testing::ElementsAre(unit(1)));
}

TEST_F(JournalFile, RefusesAUnitThatTheRunDoesNotHave) {
  JournalWriter(path_, example_header()).append(success(10));
  EXPECT_THAT(refusal(), HasSubstr("journal.jsonl:2: is of a unit that the run does not have"));
}

// Writing such values into the message would need a stack as deep as they nest.
TEST_F(JournalFile, WithValuesThatNestWithoutEndIsRefused) {
  constexpr std::size_t kDepth = 1'000'000;
  const auto value = std::string(kDepth, '[') + std::string(kDepth, ']');
  put(journal_line("{\"line\":" + value + "}"));
  EXPECT_THAT(refusal(), HasSubstr("journal.jsonl:1: nests values more than 100 deep"));
  put(journal_line("{\"line\":1,\"format\":" + value + ",\"version\":3}"));
  EXPECT_THAT(refusal(), HasSubstr("journal.jsonl:1: nests values more than 100 deep"));
}

TEST_F(JournalFile, OfAnotherVersionIsRefusedByName) {
  put(journal_line(R"({"line":1,"format":"kvcompare journal","version":1})"));
  EXPECT_THAT(refusal(),
              HasSubstr("is of version 1 of the journal, expected version 3 or 4; finish the run with the "
                        "kvcompare that began it"));
}

}  // namespace
}  // namespace kvcompare
