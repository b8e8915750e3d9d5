// Evidence in every report, of counts that are made up, and the quotients by hand.
#include "coordinator/reports/evidence_numbers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "coordinator/reports/comparison_grid.h"
#include "coordinator/reports/detailed_json.h"
#include "coordinator/reports/plain_words.h"
#include "coordinator/reports/results_csv.h"
#include "coordinator/reports/samples_csv.h"
#include "coordinator/reports/summary_json.h"
#include "coordinator/reports/summary_md.h"
#include "coordinator/reports/table.h"
#include "coordinator/reports/table_tex.h"
#include "tests/unit/coordinator/reports/compared_distributions.h"

namespace kvcompare {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using Json = nlohmann::ordered_json;

// Of the first of two samples: three ranges have evidence, and the method keeps 5 of 20 keys; of the one
// exact range 4 of 8, of the two missed ones 1 of 12, which is of one of them.
constexpr EvidenceCounts kHalf{.spans = 3,
                               .spans_exact = 1,
                               .keys = 20,
                               .keys_kept = 5,
                               .keys_exact = 8,
                               .keys_kept_exact = 4,
                               .spans_missed_evicted = 2};

void put_evidence(MethodResult& method, const EvidenceCounts& counts) {
  method.per_sample[0].numbers.evidence = counts;
  if (method.totals) method.totals->sums.evidence = counts;
}

Comparison with_evidence() {
  auto comparison = compared_distributions();
  put_evidence(comparison.methods[0], {3, 3, 20, 20, 20, 20, 0});
  put_evidence(comparison.methods[1], kHalf);
  put_evidence(comparison.methods[2], {3, 0, 20, 10, 0, 0, 1});
  put_evidence(comparison.methods[3], {3, 3, 20, 20, 20, 20, 0});
  put_evidence(comparison.methods[4], {3, 0, 20, 0, 0, 0, 3});
  comparison.statistics.quality[1].evidence_kept = Interval{0.125, 0.375};
  comparison.statistics.quality[2].evidence_kept_reason = "too few samples have evidence";
  return comparison;
}

TEST(EvidenceNumbers, AreSharesOfTheKeys) {
  const Json report = Json::parse(detailed_json(with_evidence()));
  const Json& half = report["results"][1];
  EXPECT_EQ(half["evidence_spans"], 3);
  EXPECT_EQ(half["evidence_keys"], 20);
  EXPECT_EQ(half["evidence_keys_kept"], 5);
  EXPECT_EQ(half["evidence_kept"], 0.25);
  EXPECT_EQ(half["evidence_kept_ci95"], Json::parse("[0.125, 0.375]"));
  EXPECT_EQ(half["evidence_kept_exact"], 0.5);
  EXPECT_EQ(half["evidence_kept_missed"], 1.0 / 12);
  EXPECT_EQ(half["spans_missed_evicted"], 2);
  EXPECT_EQ(half["spans_missed_kept"], 0);
  EXPECT_EQ(report["results"][2]["spans_missed_kept"], 2);
  EXPECT_EQ(report["results"][0]["evidence_kept"], 1) << "the baseline keeps all";
  EXPECT_EQ(Json::parse(summary_json(with_evidence()))["results"][0]["evidence_kept_missed"], 1.0 / 12);
}

TEST(EvidenceNumbers, SayWhyOneIsMissing) {
  const Json results = Json::parse(detailed_json(with_evidence()))["results"];
  EXPECT_EQ(results[0]["evidence_kept_missed"], nullptr);
  EXPECT_EQ(results[0]["evidence_kept_missed_reason"], "every scored range with evidence is exact");
  EXPECT_EQ(results[2]["evidence_kept_exact_reason"], "no scored range with evidence is exact");
  EXPECT_EQ(results[2]["evidence_kept_ci95_reason"], "too few samples have evidence");
  EXPECT_EQ(results[4]["evidence_kept"], nullptr);
  EXPECT_EQ(results[4]["evidence_kept_reason"], "1 sample failed, and the others alone compare with nothing");
  auto from_before = with_evidence();
  from_before.methods[1].totals->sums.evidence.reset();
  EXPECT_EQ(Json::parse(detailed_json(from_before))["results"][1]["evidence_keys_reason"],
            "the units were evaluated by a kvcompare that did not count it");
}

TEST(EvidenceNumbers, OfASampleAreThereWhereItHasEvidence) {
  const Json samples = Json::parse(detailed_json(with_evidence()))["results"][1]["per_sample"];
  EXPECT_EQ(samples[0]["evidence_spans"], 3);
  EXPECT_EQ(samples[0]["evidence_keys_kept_exact"], 4);
  EXPECT_FALSE(samples[1].contains("evidence_spans"));
  const auto csv = samples_csv(with_evidence());
  EXPECT_THAT(
      csv,
      HasSubstr(",evidence_spans,evidence_spans_exact,evidence_keys,evidence_keys_kept,evidence_keys_exact,"
                "evidence_keys_kept_exact,spans_missed_evicted,mean_kl,"));
  EXPECT_THAT(csv, HasSubstr(",2,1,1,3,1,20,5,8,4,2,0.08333333333333333,"));
  EXPECT_THAT(csv, HasSubstr(",2,2,1,,,,,,,,0.15,"));
}

TEST(EvidenceNumbers, StandInEveryTable) {
  const auto comparison = with_evidence();
  EXPECT_THAT(
      results_csv(comparison),
      HasSubstr(",evidence_spans,evidence_keys,evidence_keys_kept,evidence_kept,evidence_kept_ci95_low,"));
  const auto grid = comparison_grid(comparison);
  EXPECT_THAT(grid.titles, Contains(column::kEvidence));
  EXPECT_THAT(grid.rows[1], Contains("25.00%"));
  for (const auto& text : {table(comparison, std::nullopt), summary_md(comparison), table_tex(comparison)})
    EXPECT_THAT(text, HasSubstr("Evidence kept"));
  EXPECT_THAT(plain_words(comparison, 1), HasSubstr(" of the keys and 25 % of the evidence, writes "));
}

TEST(EvidenceNumbers, AreNowhereWithoutEvidence) {
  const auto comparison = compared_distributions();
  EXPECT_FALSE(evidence_numbers(comparison, 1));
  for (const auto& text :
       {detailed_json(comparison), summary_json(comparison), results_csv(comparison), samples_csv(comparison),
        table(comparison, std::nullopt), summary_md(comparison), table_tex(comparison)})
    EXPECT_THAT(text, Not(testing::AnyOf(HasSubstr("vidence"), HasSubstr("spans_missed"))));
}

}  // namespace
}  // namespace kvcompare
