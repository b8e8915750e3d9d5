// summary.md and table.tex. Whether a TeX takes the latter is in tests/results.
#include <algorithm>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/reports/markdown_text.h"
#include "coordinator/reports/plain_words.h"
#include "coordinator/reports/summary_md.h"
#include "coordinator/reports/table_tex.h"
#include "coordinator/reports/tex_text.h"
#include "tests/unit/coordinator/reports/compared_distributions.h"
#include "tests/unit/coordinator/reports/example_comparison.h"
#include "tests/unit/coordinator/reports/swept_comparison.h"

namespace kvcompare {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(SummaryMd, ShowsAHandMadeComparison) {
  const auto comparison = swept_comparison();
  std::string words;
  for (std::size_t place = 0; place < comparison.methods.size(); ++place)
    words += "- **" + comparison.methods[place].label + "**: " + plain_words(comparison, place) + ".\n";
  EXPECT_EQ(summary_md(comparison), R"md(# Comparison of key-cache eviction methods

| what | |
|---|---|
| model | 2 layers, 4 query heads and 2 KV heads of size 64, 1000 tokens in the vocabulary; SHA-256 aaaaaaaaaaaaaaaa… |
| data | 3 samples, 8 predicted tokens; 1 skipped, without a scored token; SHA-256 of the token ids bbbbbbbbbbbbbbbb… |
| protocol | an eviction after every token, at most 8192 tokens a sample |
| engine | layerwise |
| computed in | bfloat16 on cpu: imaginary, libtorch 2.11.0 |
| fingerprint | f00d |

Names and paths of the model and the data, dates and versions are in `run.json`.

## Results

| method | Perplexity | Δ | Δ % | Avg NLL | ΔNLL | 95 % interval | Kept | Attended | Peak keys | Peak cache |
|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|
| Baseline | 7.3891 | - | - | 2.000000 | - | - | 100.00% | 100.00% | 28 | 7.0 KiB |
| StreamingLLM 0.5 | 7.8656 | +0.4766 | +6.45% | 2.062500 | +0.0625 \~ | \[-0.0125, +0.1000\] | 50.00% | 54.55% | 16 | 4.0 KiB |
| StreamingLLM 0.75 | 12.1825 | +4.7934 | +64.87% | 2.500000 | +0.5000 | \[+0.3750, +0.6250\] | 25.00% | 31.82% | 10 | 2.5 KiB |
| KVzap τ -6 | 9.9742 | +2.5851 | +34.99% | 2.300000 | +0.3000 | \[+0.2500, +0.3333\] | 55.00% | 59.09% | 17 | 4.2 KiB |
| Random | failed | - | - | - | - | - | - | - | - | - |

Δ and Δ %: perplexity less that of the baseline. ΔNLL: nats a predicted token more than the baseline. Kept: share of the keys that were there at the end of the samples. Attended: share of the keys that queries really read.
95 % interval: of ΔNLL, from a bootstrap over samples. \~ behind ΔNLL: not distinguishable from the baseline, by the interval or by the sign-flip test after Holm's correction.

## In plain words

)md" + words + R"md(
## At equal density

ΔNLL in nats a token, between the neighbouring points of a method's sweep; never beyond its ends (-).

| density attended | 0.5 | 0.1 |
|---|---:|---:|
| StreamingLLM | +0.1250 \[+0.0625, +0.2500\] | - |

## Failed

- Random: sample 2 failed after 3 attempts: NLL of token 3 is not finite

## How to repeat

With the folder that this file lies in as `OUT`:

```sh
kvcompare rerun OUT                  # again, with model and data where run.json says they were
kvcompare verify OUT --recompute 3   # the files are those of the run; three samples again
kvcompare --config OUT/detailed_results.json --model_name MODEL --data_path DATA --output_dir ANOTHER
```
)md");
}

TEST(SummaryMd, ShowsAndExplainsDistributionsAndAnswersWhereTheRunHasThem) {
  const auto text = summary_md(compared_distributions());
  EXPECT_THAT(text, HasSubstr("| 95 % interval | Mean KL | Same top-1 | Answers | Kept |"));
  EXPECT_THAT(text, HasSubstr("| 0.1250 | 87.50% | 2/3 | 50.00% |"));
  EXPECT_THAT(text, HasSubstr("\nMean KL: how far"));
  EXPECT_THAT(text, HasSubstr("\nAnswers: scored ranges"));
  EXPECT_THAT(text, HasSubstr("keeps 50 % of the keys, writes 2 of 3 answers, costs "));
  EXPECT_THAT(text, HasSubstr("keeps every key, writes 2 of 3 answers: the others"));
  EXPECT_THAT(summary_md(swept_comparison()), Not(HasSubstr("Mean KL")));
}

TEST(TableTex, ShowsMeanKlAndAnswersWhereTheRunHasThem) {
  const auto text = table_tex(compared_distributions());
  EXPECT_THAT(text, HasSubstr("& 95 \\% interval & Mean KL & Answers & Kept &"));
  EXPECT_THAT(text, HasSubstr("& $0.1250$ & $2/3$ & $50.00$\\% &"));
  EXPECT_THAT(text, HasSubstr("& $2.5 \\cdot 10^{-4}$ & $2/3$ &"));
  EXPECT_THAT(text, HasSubstr("\n% Mean KL: divergence"));
}

TEST(SummaryMd, EscapesWhatMarkdownAndHtmlGiveAMeaning) {
  EXPECT_EQ(markdown_text("a|b *c* _d_ `e` <f> & [g] #h $i\nj\\k ~l"),
            R"(a\|b \*c\* \_d\_ \`e\` &lt;f&gt; &amp; \[g\] \#h \$i j\\k \~l)");
  const auto text = summary_md(comparison_with_special_characters());
  EXPECT_THAT(text, Not(HasSubstr("<b>")));
  EXPECT_THAT(text, Not(HasSubstr("<i>")));
  EXPECT_THAT(text, HasSubstr("2 samples &lt;i&gt;cut&lt;/i&gt; \\| 50% &amp; \\$1"));
}

// Every row of a table has as many cells as its head; a label cannot add one.
TEST(SummaryMd, TablesAreWhole) {
  for (const auto& comparison : {swept_comparison(), compared_distributions(),
                                 comparison_with_special_characters(), example_comparison()}) {
    std::istringstream lines(summary_md(comparison));
    std::ptrdiff_t n_in_head = 0, n_rows = 0;
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with("|")) n_in_head = 0;
      if (!line.starts_with("|")) continue;
      std::ptrdiff_t n = std::ranges::count(line, '|');
      for (std::size_t at = 0; (at = line.find("\\|", at)) != std::string::npos; at += 2) --n;
      if (n_in_head == 0) n_in_head = n;
      EXPECT_EQ(n, n_in_head) << line;
      ++n_rows;
    }
    EXPECT_GT(n_rows, 10);
  }
}

TEST(TableTex, ShowsAHandMadeComparison) {
  EXPECT_EQ(
      table_tex(swept_comparison()),
      R"tex(% Made by kvcompare. In the preamble: \usepackage{booktabs}; where the table is to stand: \input{table.tex}
% $\Delta$NLL: nats a token more than the baseline, with its 95 % interval from a bootstrap over samples.
\begin{tabular}{lrrrrrr}
\toprule
Method & Perplexity & $\Delta$NLL & 95 \% interval & Kept & Attended & Peak cache \\
\midrule
Baseline & $7.3891$ & -- & -- & $100.00$\% & $100.00$\% & $7.0$\,KiB \\
\addlinespace
StreamingLLM 0.5 & $7.8656$ & $+0.0625$\textsuperscript{a} & $[-0.0125, +0.1000]$ & $50.00$\% & $54.55$\% & $4.0$\,KiB \\
StreamingLLM 0.75 & $12.1825$ & $+0.5000$ & $[+0.3750, +0.6250]$ & $25.00$\% & $31.82$\% & $2.5$\,KiB \\
\addlinespace
KVzap $\tau$ $-$6 & $9.9742$ & $+0.3000$ & $[+0.2500, +0.3333]$ & $55.00$\% & $59.09$\% & $4.2$\,KiB \\
\addlinespace
Random & failed & -- & -- & -- & -- & -- \\
\bottomrule
\multicolumn{7}{l}{\footnotesize\textsuperscript{a} not distinguishable from the baseline} \\
\end{tabular}
)tex");
}

TEST(TableTex, EscapesWhatLatexGivesAMeaning) {
  EXPECT_EQ(tex_text(R"(a_b & 5% $c$ #d {e} \f ~g ^h)"),
            R"(a\_b \& 5\% \$c\$ \#d \{e\} \textbackslash{}f \textasciitilde{}g \textasciicircum{}h)");
  EXPECT_EQ(tex_text("KVzap τ -6"), "KVzap $\\tau$ $-$6");
  EXPECT_EQ(tex_text("é 中 \xff\nx-6"), "é {[}U+4E2D] {[}U+FFFD] x-6");
}

TEST(TableTex, WritesPowersOfTen) {
  auto comparison = swept_comparison();
  comparison.methods[1].totals->perplexity = 1.5e300;
  comparison.statistics.against_baseline[1].avg_nll_delta = -0.0000321;
  comparison.statistics.against_baseline[1].avg_nll_delta_ci95 = Interval{-0.00041, 0};
  EXPECT_THAT(table_tex(comparison),
              HasSubstr(R"(& $1.5000 \cdot 10^{300}$ & $-3.2 \cdot 10^{-5}$\textsuperscript{a} & )"
                        R"($[-4.1 \cdot 10^{-4}, +0.0000]$ &)"));
}

TEST(TableTex, SaysWhyThereAreNoIntervals) {
  auto comparison = swept_comparison();
  for (auto& row : comparison.statistics.against_baseline) row = {.reason = "5 samples are 50% too few"};
  EXPECT_THAT(table_tex(comparison), HasSubstr("\n% There are no intervals: 5 samples are 50\\% too few\n"));
  EXPECT_THAT(table_tex(comparison), Not(HasSubstr("interval &")));
  EXPECT_THAT(summary_md(comparison), HasSubstr("\nThere are no intervals: 5 samples are 50% too few.\n"));
  EXPECT_THAT(summary_md(comparison), Not(HasSubstr("95 % interval")));
}

// Independent of any TeX: groups close, rows have as many cells as columns are declared, no bare special.
TEST(TableTex, IsWellFormed) {
  for (const auto& comparison : {swept_comparison(), compared_distributions(),
                                 comparison_with_special_characters(), example_comparison()}) {
    const auto text = table_tex(comparison);
    const auto begin = text.find("\\begin{tabular}{l") + 16, end_of_columns = text.find('}', begin);
    const auto n_columns = static_cast<std::ptrdiff_t>(end_of_columns - begin);
    std::istringstream lines(text.substr(text.find('\n', end_of_columns)));
    int depth = 0, n_dollars = 0;
    for (std::string line; std::getline(lines, line);) {
      std::ptrdiff_t n_cells = 1;
      for (std::size_t i = 0; i < line.size(); ++i) {
        if (line[i] == '\\') {
          ++i;  // what is escaped has no meaning
          continue;
        }
        depth += line[i] == '{' ? 1 : line[i] == '}' ? -1 : 0;
        n_dollars += line[i] == '$' ? 1 : 0;
        n_cells += line[i] == '&' ? 1 : 0;
        EXPECT_TRUE(line[i] != '%' && line[i] != '#' && line[i] != '~') << line;
      }
      EXPECT_EQ(depth, 0) << line;
      EXPECT_EQ(n_dollars % 2, 0) << line;
      if (line.ends_with("\\\\") && !line.starts_with("\\multicolumn")) {
        EXPECT_EQ(n_cells, n_columns) << line;
      }
    }
    EXPECT_THAT(text, HasSubstr("\\toprule"));
    EXPECT_TRUE(text.ends_with("\\bottomrule\n\\end{tabular}\n") || text.ends_with("\\\\\n\\end{tabular}\n"));
  }
}

}  // namespace
}  // namespace kvcompare
