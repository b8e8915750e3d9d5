// summary.md and table.tex. Whether a TeX takes the latter is in tests/results.
#include <algorithm>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/reports/markdown_text.h"
#include "coordinator/reports/summary_md.h"
#include "coordinator/reports/table_tex.h"
#include "coordinator/reports/tex_text.h"
#include "tests/unit/coordinator/example_comparison.h"
#include "tests/unit/coordinator/swept_comparison.h"

namespace kvcompare {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(SummaryMd, ShowsAHandMadeComparison) { EXPECT_EQ(summary_md(swept_comparison()), ""); }

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
  for (const auto& comparison :
       {swept_comparison(), comparison_with_special_characters(), example_comparison()}) {
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

TEST(TableTex, ShowsAHandMadeComparison) { EXPECT_EQ(table_tex(swept_comparison()), ""); }

TEST(TableTex, EscapesWhatLatexGivesAMeaning) {
  EXPECT_EQ(tex_text(R"(a_b & 5% $c$ #d {e} \f ~g ^h)"),
            R"(a\_b \& 5\% \$c\$ \#d \{e\} \textbackslash{}f \textasciitilde{}g \textasciicircum{}h)");
  EXPECT_EQ(tex_text("KVzap τ -6"), "KVzap $\\tau$ $-$6");
  EXPECT_EQ(tex_text("é 中 \xff\nx-6"), "é {[}U+4E2D] {[}U+FFFD] x-6");
}

// Independent of any TeX: groups close, rows have as many cells as columns are declared, no bare special.
TEST(TableTex, IsWellFormed) {
  for (const auto& comparison :
       {swept_comparison(), comparison_with_special_characters(), example_comparison()}) {
    const auto text = table_tex(comparison);
    const auto begin = text.find("\\begin{tabular}{l") + 17, end_of_columns = text.find('}', begin);
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
