// What Python's csv and pandas read from these files is in tests/results; here is what only the writer shows.
#include <algorithm>
#include <cstdlib>
#include <limits>

#include <gtest/gtest.h>

#include "common/shortest.h"
#include "coordinator/reports/csv_text.h"
#include "coordinator/reports/number_text.h"
#include "coordinator/reports/results_csv.h"
#include "coordinator/reports/samples_csv.h"
#include "tests/unit/coordinator/reports/compared_distributions.h"
#include "tests/unit/coordinator/reports/example_comparison.h"
#include "tests/unit/coordinator/reports/swept_comparison.h"

namespace kvcompare {
namespace {

TEST(Csv, QuotesWhatRfc4180SaysAndNothingElse) {
  EXPECT_EQ(csv_line({"plain", "", "a b;c'd\te\\", "-1.5"}), "plain,,a b;c'd\te\\,-1.5\n");
  EXPECT_EQ(csv_line({"a,b", "say \"x\"", "two\nlines", "\r"}),
            "\"a,b\",\"say \"\"x\"\"\",\"two\nlines\",\"\r\"\n");
  EXPECT_EQ(csv_line({"", "x"}), ",x\n");
}

TEST(Csv, NumbersHaveTheFewestDigitsThatReadBackExactly) {
  EXPECT_EQ(shortest(0.1 + 0.2), "0.30000000000000004");
  EXPECT_EQ(shortest(0.5), "0.5");
  EXPECT_EQ(shortest(-3), "-3");
  for (const double value :
       {1.0 / 3, 5e-324, std::numeric_limits<double>::max(), 123456789.12345679, -1e23, 1e-300})
    EXPECT_EQ(std::strtod(shortest(value).c_str(), nullptr), value);
}

TEST(NumberText, BytesAreInTheLargestUnitThatTheyFill) {
  EXPECT_EQ(bytes_text(1023), "1023 B");
  EXPECT_EQ(bytes_text(1024), "1.0 KiB");
  EXPECT_EQ(bytes_text(std::int64_t{5} << 29), "2.5 GiB");
  EXPECT_EQ(bytes_text(std::int64_t{3} << 50), "3072.0 TiB");
}

TEST(ResultsCsv, IsARowAnInstanceWithTheBaselineFirst) {
  const auto text = results_csv(example_comparison());
  const auto second_line = text.find('\n') + 1;
  EXPECT_TRUE(
      text.starts_with("method_name,label,instance,policy,compression_ratio,threshold,sliding_window_size,"
                       "perplexity,ppl_delta,ppl_delta_pct,ppl_delta_ci95_low,ppl_delta_ci95_high,avg_nll,"))
      << text;
  EXPECT_EQ(text.compare(second_line, 42, "Baseline,Baseline,baseline,none,,,,7.38905"), 0) << text;
  EXPECT_EQ(std::ranges::count(text, '\n'), 4);
}

TEST(SamplesCsv, IsARowASampleUnderAnInstance) {
  EXPECT_EQ(
      samples_csv(swept_comparison()),
      R"(method_name,label,instance,sample,n_scored,total_nll,nll_delta,keys_original,keys_kept,attended_density,peak_keys,greedy_hits,spans,spans_exact,mean_kl,same_top1,acceptance,mean_delta_p,rms_delta_p,delta_nll_above_1,delta_nll_above_3,total_nll_reason,nll_delta_reason
Baseline,Baseline,baseline,0,3,6.5,,16,16,0.7,20,,,,,,,,,,,,this is the baseline
Baseline,Baseline,baseline,2,5,9.5,,24,24,0.8,28,,,,,,,,,,,,this is the baseline
StreamingLLM,StreamingLLM 0.5,streaming_llm:policy=ratio:compression_ratio=0.5:n_sink=4,0,3,6.75,0.25,16,8,0.7,12,,,,,,,,,,,,
StreamingLLM,StreamingLLM 0.5,streaming_llm:policy=ratio:compression_ratio=0.5:n_sink=4,2,5,9.75,0.25,24,12,0.8,16,,,,,,,,,,,,
StreamingLLM,StreamingLLM 0.75,streaming_llm:policy=ratio:compression_ratio=0.75:n_sink=4,0,3,8,1.5,16,4,0.7,8,,,,,,,,,,,,
StreamingLLM,StreamingLLM 0.75,streaming_llm:policy=ratio:compression_ratio=0.75:n_sink=4,2,5,12,2.5,24,6,0.8,10,,,,,,,,,,,,
KVzap,KVzap τ -6,kvzap:policy=threshold:threshold=-6:sliding_window_size=128:kvzap_n_sink=0,0,3,7.5,1,16,9,0.7,13,,,,,,,,,,,,
KVzap,KVzap τ -6,kvzap:policy=threshold:threshold=-6:sliding_window_size=128:kvzap_n_sink=0,2,5,10.9,1.4000000000000004,24,13,0.8,17,,,,,,,,,,,,
Random,Random,random:policy=ratio:compression_ratio=0.5:seed=42,0,3,7,0.5,16,8,0.7,12,,,,,,,,,,,,
Random,Random,random:policy=ratio:compression_ratio=0.5:seed=42,2,,,,,,,,,,,,,,,,,,failed after 3 attempts: NLL of token 3 is not finite,failed after 3 attempts: NLL of token 3 is not finite
)");
}

TEST(SamplesCsv, HoldsHowFarTheDistributionsOfASampleAreFromTheBaselines) {
  const auto text = samples_csv(compared_distributions());
  EXPECT_NE(text.find(",2,5,9.5,,24,24,0.8,28,3,2,1,,,,,,,,,this is the baseline\n"), std::string::npos)
      << text;
  EXPECT_NE(text.find(",2,5,9.75,0.25,24,12,0.8,16,2,2,1,0.15,0.8,0.9,-0.075,0.13693063937629152,0.2,0,,\n"),
            std::string::npos)
      << text;
}

TEST(ResultsCsv, HasAColumnForEachPercentileAndEachEndOfAnInterval) {
  const auto text = results_csv(compared_distributions());
  EXPECT_NE(text.find(",mean_kl,mean_kl_ci95_low,mean_kl_ci95_high,kl_percentiles_50,kl_percentiles_90,"
                      "kl_percentiles_99,kl_percentiles_99.9,kl_percentiles_max,same_top1,"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find(",0.125,0.0625,0.25,"), std::string::npos) << text;
  EXPECT_NE(text.find(",0.25,0.25,0.25,0.25,0.875,0.75,1,0.875,-0.0625,0.125,-0.25,"), std::string::npos)
      << text;
}

TEST(SamplesCsv, SaysThatTheBaselineFailed) {
  auto comparison = example_comparison();
  comparison.methods[0].per_sample.pop_back();
  comparison.methods[0].failed = {{SampleIndex(2), "x", 3}};
  EXPECT_NE(
      samples_csv(comparison)
          .find("Random,Random,random:policy=ratio:compression_ratio=0.5,2,5,19.7,,24,12,0.8,14,,,,,,,,,,,,"
                "the baseline failed on this sample\n"),
      std::string::npos)
      << samples_csv(comparison);
}

}  // namespace
}  // namespace kvcompare
