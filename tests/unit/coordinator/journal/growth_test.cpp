#include "coordinator/journal/growth.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/errors.h"
#include "common/run/instance_name.h"
#include "coordinator/journal/journal.h"
#include "tests/support/error_of.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/coordinator/unit_results.h"

namespace kvcompare {
namespace {

using testing::HasSubstr;
using testing::Not;

const BegunWith kRun{.what = "run", .record = "OUT/journal.jsonl", .folder_flag = "--output_dir"};
const MethodSpec kBaseline{"baseline", "Baseline", KeepAll{}, {}};

MethodSpec random(double ratio) {
  return {"random", "Random", RatioBudget{ratio}, {{"seed", std::int64_t{7}}}};
}

JournalHeader asking_for(std::vector<MethodSpec> methods, std::int64_t n_samples = 10,
                         const std::string& data = "ten samples") {
  JournalHeader header;
  header.spec.dtype = Dtype::kFloat32;
  header.spec.methods = std::move(methods);
  header.model = {1, 1, 1, 8, 8, 50, 512};
  header.n_samples = n_samples;
  header.identity = identity_of(header.spec, {"model", "", data}, {1, "2"});
  return header;
}

std::string refusal(const JournalHeader& then, const JournalHeader& now, const std::string& data_as_then) {
  try {
    refuse_other_run(then, now, data_as_then, kRun);
    return "";
  } catch (const ConfigError& error) {
    EXPECT_EQ(error.key, "resume");
    return error.what();
  }
}

TEST(Growth, AdmitsMoreInstancesInAnyOrderAndMoreSamples) {
  const auto then = asking_for({kBaseline, random(0.5)});
  EXPECT_EQ(refusal(then, asking_for({kBaseline, random(0.25), random(0.5)}), "ten samples"), "");
  EXPECT_EQ(refusal(then, asking_for({kBaseline, random(0.5)}, 20, "twenty samples"), "ten samples"), "");
  EXPECT_TRUE(asks_for_the_same(then, then));
  EXPECT_FALSE(asks_for_the_same(then, asking_for({kBaseline, random(0.25), random(0.5)})));
}

TEST(Growth, TellsWhenTheSameSamplesCameWithOtherLinesOrWereCutOtherwise) {
  const auto then = asking_for({kBaseline});
  auto now = then;
  now.bad_lines = {{3, "no sample"}};
  EXPECT_FALSE(asks_for_the_same(then, now));
  now = then;
  now.truncated = {1, 5};
  EXPECT_FALSE(asks_for_the_same(then, now));
  EXPECT_EQ(refusal(then, now, "ten samples"), "");
}

TEST(Growth, RefusesLessNamingIt) {
  const auto then = asking_for({kBaseline, random(0.5), random(0.25)});
  EXPECT_THAT(refusal(then, asking_for({kBaseline, random(0.25)}), "ten samples"),
              HasSubstr("Missing:\n  random:policy=ratio:compression_ratio=0.5:seed=7\n"));
  EXPECT_THAT(refusal(then, asking_for(then.spec.methods, 9, "nine"), ""),
              HasSubstr("the run has 10 samples, and only 9 are asked for now"));
}

TEST(Growth, RefusesOtherDataAndEverythingElseThatDrifts) {
  const auto then = asking_for({kBaseline, random(0.5)});
  EXPECT_THAT(refusal(then, asking_for(then.spec.methods, 20, "twenty"), "other ten"),
              HasSubstr("data: was ten samples, is other ten"));
  auto now = then;
  now.identity["dtype"] = "float64";
  now.identity["chunk_size"] = "2";
  const auto text = refusal(then, now, "ten samples");
  EXPECT_THAT(text, HasSubstr("dtype: was float32, is float64"));
  EXPECT_THAT(text, HasSubstr("chunk_size: was 1, is 2"));
  EXPECT_THAT(text, Not(HasSubstr("data")));
}

// Samples so far may all have been token ids.
TEST(Growth, AdmitsTheFirstUseOfATokenizerButNoOtherOne) {
  auto then = asking_for({kBaseline, random(0.5)});
  auto now = then;
  now.identity["tokenizer"] = "t";
  EXPECT_EQ(refusal(then, now, "ten samples"), "");
  then.identity["tokenizer"] = "s";
  EXPECT_THAT(refusal(then, now, "ten samples"), HasSubstr("tokenizer: was s, is t"));
}

Attempt success(std::int64_t sample, const MethodSpec& method, double nll) {
  return {imaginary_result({.sample = sample, .method = 0, .total_nll = nll}),
          instance_name(method),
          1,
          Rank(1),
          "h",
          "cpu"};
}

UnitId unit(std::int64_t sample, std::int64_t method) { return {SampleIndex(sample), MethodIndex(method)}; }

TEST(Growth, OfAJournalGivesKnownUnitsTheirNewPlaces) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "journal.jsonl";
  const auto grown = asking_for({kBaseline, random(0.25), random(0.5)}, 12, "twelve samples");
  {
    JournalWriter writer(path, asking_for({kBaseline, random(0.5)}));
    writer.append(success(3, random(0.5), 5));
    writer.append(Growth{grown});
    writer.append(success(11, random(0.25), 6));
    writer.append(success(3, random(0.5), 7));  // contradicts
  }
  const Journal journal(path);
  EXPECT_EQ(journal.n_units(), 36);
  EXPECT_EQ(journal.units().size(), 2u);
  EXPECT_EQ(journal.units().at(unit(3, 2)).summary.value().total_nll, 5);
  EXPECT_EQ(journal.units().at(unit(11, 1)).summary.value().total_nll, 6);
  EXPECT_EQ(journal.read_unit(unit(3, 2)).numbers.total_nll, 5);
  EXPECT_EQ(journal.read_unit(unit(3, 2)).unit, unit(3, 2));
  EXPECT_THAT(journal.contradictions(), testing::ElementsAre(unit(3, 2)));
  EXPECT_EQ(journal.header().identity, grown.identity);
  EXPECT_EQ(journal.intact_text(), file_contents(path));
}

TEST(Growth, OfAJournalThatAsksForLessOrForAnotherRunIsDamage) {
  const auto then = asking_for({kBaseline, random(0.5)});
  auto other = asking_for({kBaseline, random(0.5), random(0.1)});
  other.identity["dtype"] = "float64";
  for (const auto& now :
       {asking_for({kBaseline, random(0.25)}), asking_for({kBaseline, random(0.5)}, 9, "nine"), other}) {
    const TemporaryFolder folder;
    const auto path = folder.path() / "journal.jsonl";
    JournalWriter(path, then).append(Growth{now});
    EXPECT_THAT(error_of<DataError>([&] { Journal{path}; }).what(),
                HasSubstr("journal.jsonl:2: does not ask for all that was asked for before"));
  }
}

TEST(Growth, RefusesAUnitOfAnInstanceThatNobodyAskedFor) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "journal.jsonl";
  JournalWriter(path, asking_for({kBaseline, random(0.5)})).append(success(3, random(0.25), 5));
  EXPECT_THAT(
      error_of<DataError>([&] { Journal{path}; }).what(),
      HasSubstr("journal.jsonl:2: is of an instance that the run does not have: random:policy=ratio:"));
}

}  // namespace
}  // namespace kvcompare
