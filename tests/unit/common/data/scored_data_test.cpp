// What the data may say about which tokens are scored, worked out by hand.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/data/dataset.h"
#include "common/data/scored_text.h"
#include "common/errors.h"
#include "tests/support/error_of.h"
#include "tests/support/temporary_folder.h"

namespace kvcompare {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Ids = std::vector<TokenId>;

constexpr TokenId kBegin = 1;

// Token 1 begins a text. Then each byte is a token, which stands for its whole character; two letters "ab"
// are one.
EncodedText encode(std::string_view text, SpecialTokens special) {
  EncodedText encoded;
  const auto put = [&](TokenId id, std::size_t begin, std::size_t end) {
    encoded.ids.push_back(id);
    encoded.bytes.push_back({static_cast<std::int64_t>(begin), static_cast<std::int64_t>(end)});
  };
  if (special == SpecialTokens::kAdd) put(kBegin, 0, 0);
  const auto continues = [&](std::size_t i) {
    return i < text.size() && (static_cast<unsigned char>(text[i]) & 0xC0) == 0x80;
  };
  for (std::size_t i = 0; i < text.size();) {
    if (text.substr(i).starts_with("ab")) {
      put(2, i, i + 2);
      i += 2;
      continue;
    }
    std::size_t end = i + 1;
    while (continues(end)) ++end;
    for (std::size_t byte = i; byte < end; ++byte) put(static_cast<unsigned char>(text[byte]), i, end);
    i = end;
  }
  return encoded;
}

class ScoredData : public ::testing::Test {
 protected:
  Dataset read(const std::string& lines, DatasetOptions options = {.path = {}, .max_samples = {}}) const {
    options.path = folder_.write("d.jsonl", lines);
    return read_dataset(options, encode, 1000);
  }
  Sample sample(const std::string& line) const { return read(line).samples.at(0); }
  std::string problem(const std::string& line) const {
    const auto error = error_of<DataError>([&] { read("{\"text\":\"fine\"}\n" + line + "\n"); });
    EXPECT_EQ(error.line, 2) << line;
    return error.problem;
  }
  TemporaryFolder folder_;
};

TEST_F(ScoredData, OfIdsCountsTokens) {
  const auto one =
      sample(R"({"input_ids":[5,6,7,8,9],"scored":[[3,5],[1,2]],"evidence":[[0,2]],"context_length":3})");
  EXPECT_THAT(one.scored, ElementsAre(Range{1, 2}, Range{3, 5})) << "in ascending order";
  EXPECT_THAT(one.evidence, ElementsAre(ElementsAre(Range{0, 2})));
  EXPECT_EQ(one.n_context, 3);
  EXPECT_FALSE(one.has_nothing_scored);
  EXPECT_EQ(one.scored_text, std::nullopt);
  EXPECT_THAT(sample(R"({"input_ids":[5,6,7],"scored":null})").scored, IsEmpty());
}

TEST_F(ScoredData, LeavesTheFirstTokenOutWhichNothingPredicts) {
  EXPECT_THAT(sample(R"({"input_ids":[5,6,7],"scored":[[0,2]]})").scored, ElementsAre(Range{1, 2}));
  const auto nothing = sample(R"({"input_ids":[5,6,7],"scored":[[0,1]]})");
  EXPECT_THAT(nothing.scored, IsEmpty());
  EXPECT_TRUE(nothing.has_nothing_scored);
  EXPECT_TRUE(sample(R"({"input_ids":[5,6,7],"scored":[]})").has_nothing_scored);
}

TEST_F(ScoredData, OfPaddedIdsCountsThePaddingToo) {
  const auto one = sample(
      R"({"input_ids":[0,0,5,6,7,0],"attention_mask":[0,0,1,1,1,0],"scored":[[3,5]],"evidence":[[2,3]]})");
  EXPECT_EQ(one.ids, (Ids{5, 6, 7}));
  EXPECT_THAT(one.scored, ElementsAre(Range{1, 3}));
  EXPECT_THAT(one.evidence, ElementsAre(ElementsAre(Range{0, 1})));
  EXPECT_THAT(problem(R"({"input_ids":[0,5,6],"attention_mask":[0,1,1],"scored":[[0,2]]})"),
              HasSubstr("outside of the sample, which has the tokens [1, 3]"));
}

TEST_F(ScoredData, OfTextCountsCharacters) {
  // begin x é(2 bytes) ab y
  const auto one = sample(R"({"text":"xéaby","scored":[[1,3]],"evidence":[[0,1],[4,5]]})");
  EXPECT_EQ(one.ids, (Ids{kBegin, 'x', 0xc3, 0xa9, 2, 'y'}));
  EXPECT_THAT(one.scored, ElementsAre(Range{2, 5})) << "a token counts if a part of it is in the range";
  EXPECT_THAT(one.evidence, ElementsAre(ElementsAre(Range{1, 2}, Range{5, 6})));
  EXPECT_THAT(sample(R"({"text":"x😀y","scored":[[1,2]]})").scored, ElementsAre(Range{2, 6}));
}

TEST_F(ScoredData, GivesATokenOfTwoRangesToTheFirst) {
  EXPECT_THAT(sample(R"({"text":"xaby","scored":[[0,2],[2,4]]})").scored,
              ElementsAre(Range{1, 3}, Range{3, 4}));
  EXPECT_THAT(sample(R"({"text":"xaby","scored":[[0,2],[2,3]]})").scored, ElementsAre(Range{1, 3}));
}

TEST_F(ScoredData, OfACompletionIsTheCompletion) {
  const auto one = sample(R"({"prompt":"xa","completion":"by","evidence":[[1,3]]})");
  EXPECT_EQ(one.ids, (Ids{kBegin, 'x', 'a', 'b', 'y'}))
      << "tokenised apart, the special token with the prompt";
  EXPECT_THAT(one.scored, ElementsAre(Range{3, 5}));
  EXPECT_EQ(one.n_context, 3);
  EXPECT_THAT(one.evidence, ElementsAre(ElementsAre(Range{2, 4}))) << "characters of both texts";
  EXPECT_EQ(sample(R"({"prompt":"xa","completion":"by","context_length":2})").n_context, 2);
}

TEST_F(ScoredData, OfACompletionWithoutPromptIsAllOfIt) {
  const auto one = sample(R"({"prompt":"","completion":"by"})");
  EXPECT_EQ(one.ids, (Ids{kBegin, 'b', 'y'}));
  EXPECT_THAT(one.scored, ElementsAre(Range{1, 3}));
  EXPECT_EQ(one.n_context, 1);
}

TEST_F(ScoredData, OfPartsAreThePartsThatSaySo) {
  const auto one = sample(R"({"parts":[{"text":"x"},{"text":"ab","scored":true},{"text":"z","scored":false},)"
                          R"({"text":"y","scored":true}]})");
  EXPECT_EQ(one.ids, (Ids{kBegin, 'x', 2, 'z', 'y'}));
  EXPECT_THAT(one.scored, ElementsAre(Range{2, 3}, Range{4, 5}));
  EXPECT_EQ(one.n_context, 2);
  EXPECT_TRUE(sample(R"({"parts":[{"text":"xy"}]})").has_nothing_scored);
}

TEST_F(ScoredData, ReadsTheFieldsThatAreNamed) {
  DatasetOptions named{.path = {}, .max_samples = {}};
  named.fields = {.text = {}, .prompt = "question", .completion = "answer"};
  const auto line = R"({"input_ids":[7],"text":"t","question":"x","answer":"y"})";
  EXPECT_EQ(read(line, named).samples.at(0).ids, (Ids{kBegin, 'x', 'y'}))
      << "named fields go before the others";
  EXPECT_EQ(sample(line).ids, Ids{7});
  EXPECT_EQ(sample(R"({"text":"t","prompt":"x","completion":"y"})").ids, (Ids{kBegin, 't'}));
}

TEST_F(ScoredData, CutByMaxLengthKeepsWhatIsLeft) {
  DatasetOptions options{.path = {}, .max_samples = {}};
  options.max_length = 4;
  const auto cut = read(
      R"({"input_ids":[5,6,7,8,9,10],"scored":[[1,2],[3,5],[5,6]],"evidence":[[2,6]],"context_length":5})",
      options);
  const auto& one = cut.samples.at(0);
  EXPECT_THAT(one.scored, ElementsAre(Range{1, 2}, Range{3, 4}));
  EXPECT_TRUE(one.last_scored_is_cut);
  EXPECT_THAT(one.evidence, ElementsAre(ElementsAre(Range{2, 4})));
  EXPECT_EQ(one.n_context, 4);
  EXPECT_EQ(cut.truncated, (Truncation{1, 2, 2}));
  const auto beyond = read(R"({"input_ids":[5,6,7,8,9],"scored":[[4,5]]})", options);
  EXPECT_TRUE(beyond.samples.at(0).has_nothing_scored);
  EXPECT_FALSE(beyond.samples.at(0).last_scored_is_cut);
  EXPECT_EQ(beyond.truncated, (Truncation{1, 1, 1}));
  const auto within = read(R"({"input_ids":[5,6,7,8,9],"scored":[[2,4]]})", options);
  EXPECT_FALSE(within.samples.at(0).last_scored_is_cut);
  EXPECT_EQ(within.truncated, (Truncation{1, 1, std::nullopt}));
}

// ---- evidence

TEST_F(ScoredData, TakesEvidenceForEachScoredRangeInTheirOrder) {
  const auto of_ids =
      sample(R"({"input_ids":[5,6,7,8,9,10],"scored":[[4,5],[2,3]],"evidence":[[[3,4],[0,1]],[[1,2]]]})");
  EXPECT_THAT(of_ids.scored, ElementsAre(Range{2, 3}, Range{4, 5}));
  EXPECT_THAT(of_ids.evidence, ElementsAre(ElementsAre(Range{1, 2}), ElementsAre(Range{0, 1}, Range{3, 4})));
  const auto padded =
      sample(R"({"input_ids":[0,5,6,7,8],"attention_mask":[0,1,1,1,1],"scored":[[3,4],[4,5]],)"
             R"("evidence":[[],[[1,2],[3,4]]]})");
  EXPECT_THAT(padded.evidence, ElementsAre(IsEmpty(), ElementsAre(Range{0, 1}, Range{2, 3})));
  const auto of_text = sample(R"({"text":"xéaby","scored":[[4,5],[1,2]],"evidence":[[[1,3]],[[0,1]]]})");
  EXPECT_THAT(of_text.evidence, ElementsAre(ElementsAre(Range{1, 2}), ElementsAre(Range{2, 5})));
  const auto of_parts = sample(R"({"parts":[{"text":"xa"},{"text":"b","scored":true},{"text":"z"},)"
                               R"({"text":"y","scored":true}],"evidence":[[[0,1]],[[2,4]]]})");
  EXPECT_THAT(of_parts.evidence, ElementsAre(ElementsAre(Range{1, 2}), ElementsAre(Range{3, 5})));
}

TEST_F(ScoredData, LosesTheEvidenceOfARangeWithTheRange) {
  const auto first_token =
      sample(R"({"input_ids":[5,6,7,8,9],"scored":[[0,1],[2,3],[4,5]],"evidence":[[],[[1,2]],[[3,4]]]})");
  EXPECT_THAT(first_token.scored, ElementsAre(Range{2, 3}, Range{4, 5})) << "nothing predicts token 0";
  EXPECT_THAT(first_token.evidence, ElementsAre(ElementsAre(Range{1, 2}), ElementsAre(Range{3, 4})));
  DatasetOptions options{.path = {}, .max_samples = {}};
  options.max_length = 4;
  const auto cut =
      read(R"({"input_ids":[5,6,7,8,9,10],"scored":[[1,2],[3,5],[5,6]],"evidence":[[],[[1,5]],[[2,3]]]})",
           options);
  EXPECT_THAT(cut.samples.at(0).evidence, ElementsAre(IsEmpty(), ElementsAre(Range{1, 4})));
}

TEST_F(ScoredData, RefusesEachBadLineWithASentenceOfItsOwn) {
  struct Refused {
    const char* line;
    const char* message;
  };
  for (const auto& [line, message] : std::vector<Refused>{
           {R"({"input_ids":[5,6],"scored":5})",
            "'scored' must be an array of ranges [begin, end] of tokens of the sample"},
           {R"({"input_ids":[5,6],"scored":[1,2]})", "element 0 is of type number"},
           {R"({"input_ids":[5,6],"scored":[[1]]})", "element 0 has 1 numbers, expected 2"},
           {R"({"input_ids":[5,6],"scored":[[1,1.5]]})", "element 0 holds 1.5"},
           {R"({"input_ids":[5,6],"scored":[[-1,1]]})", "element 0 holds -1"},
           {R"({"input_ids":[5,6],"scored":[["a",1]]})", "element 0 holds a value of type string"},
           {R"({"input_ids":[5,6],"scored":[[2,1]]})", "'scored': range 0, [2, 1], ends before it begins"},
           {R"({"input_ids":[5,6],"scored":[[1,1]]})", "'scored': range 0, [1, 1], is empty"},
           {R"({"input_ids":[5,6],"scored":[[1,3]]})",
            "'scored': range 0, [1, 3], lies outside of the sample"},
           {R"({"text":"éa","scored":[[1,3]]})", "outside of the text, which has the characters [0, 2]"},
           {R"({"input_ids":[5,6,7,8],"scored":[[2,4],[1,3]]})",
            "range 0, [2, 4], overlaps range 1, [1, 3],"},
           {R"({"input_ids":[5,6],"evidence":[[1,3]]})", "'evidence': range 0, [1, 3], lies outside"},
           {R"({"input_ids":[5,6,7],"scored":[[1,2],[2,3]],"evidence":[[[0,1]]]})",
            "'evidence' holds 1 list of ranges beside 2 scored ranges; expected one list for each scored "
            "range, "
            "or one list of ranges [begin, end] that serves them all"},
           {R"({"input_ids":[5,6,7],"evidence":[[[0,1]]]})",
            "'evidence' holds 1 list of ranges beside 0 scored"},
           {R"({"parts":[{"text":"x"},{"text":"y","scored":true}],"evidence":[[[0,1]],[]]})",
            "'evidence' holds 2 lists of ranges beside 1 scored range;"},
           {R"({"input_ids":[5,6,7],"scored":[[1,2],[2,3]],"evidence":[[[0,1]],[0,1]]})",
            "list 1 of 'evidence' must be an array of ranges [begin, end] of tokens of the sample, whole "
            "numbers "
            "from 0; element 0 is of type number"},
           {R"({"input_ids":[5,6,7],"scored":[[1,2],[2,3]],"evidence":[[[0,1]],[[1,9]]]})",
            "list 1 of 'evidence': range 0, [1, 9], lies outside of the sample"},
           {R"({"input_ids":[5,6,7],"scored":[[1,2],[2,3]],"evidence":[[[0,2],[1,2]],[]]})",
            "list 0 of 'evidence': range 1, [1, 2], overlaps range 0, [0, 2],"},
           {R"({"input_ids":[5,6],"evidence":"x"})", "'evidence' must be an array of ranges"},
           {R"({"input_ids":[5,6],"context_length":0})", "'context_length' must be a number of tokens"},
           {R"({"input_ids":[5,6],"context_length":"2"})", "it is of type string"},
           {R"({"prompt":"x"})", "holds 'prompt' but not 'completion'"},
           {R"({"completion":"x"})", "holds 'completion' but not 'prompt'"},
           {R"({"prompt":"x","completion":""})", "field 'completion' is an empty completion"},
           {R"({"prompt":5,"completion":"x"})", "field 'prompt' must be a string; it is of type number"},
           {R"({"prompt":["x"],"completion":["y"]})", R"({"parts": [{"text")"},
           {R"({"prompt":[{"role":"user"}],"completion":"x"})", "applies no chat template"},
           {R"({"prompt":"x","completion":"y","scored":[[0,1]]})",
            "holds 'scored' beside a prompt and completion"},
           {R"({"parts":"x"})", "'parts' must be a list of objects"},
           {R"({"parts":[]})", "it is empty"},
           {R"({"parts":["x"]})", "part 0 is of type string"},
           {R"({"parts":[{"scored":true}]})", "part 0 has no 'text'"},
           {R"({"parts":[{"text":5}]})", "the 'text' of part 0 must be a string"},
           {R"({"parts":[{"text":"x","scored":1}]})", "'scored' of part 0 must be true or false"},
           {R"({"parts":[{"text":"x"},{"text":"","scored":true}]})", "part 1 is an empty completion"},
           {R"({"messages":[{"role":"user","content":"x"}]})",
            "make 'prompt' and 'completion' of it (or 'parts'"}})
    EXPECT_THAT(problem(line), HasSubstr(message)) << line;
}

TEST_F(ScoredData, SkipsABadRangeAsABadLine) {
  DatasetOptions options{.path = {}, .max_samples = {}};
  options.skip_bad_lines = true;
  const auto dataset = read("{\"text\":\"x\"}\n{\"text\":\"x\",\"scored\":[[0,9]]}\n", options);
  EXPECT_THAT(dataset.samples, SizeIs(1));
  EXPECT_THAT(dataset.bad_lines, SizeIs(1));
}

// ---- how much text is scored

TEST_F(ScoredData, MeasuresTheTextOfTheScoredTokens) {
  EXPECT_EQ(sample(R"({"text":"xé ab  y"})").scored_text, (TextSize{9, 3}));
  EXPECT_EQ(sample(R"({"text":"xé ab  y","scored":[[1,5]]})").scored_text, (TextSize{5, 2}));
  EXPECT_EQ(sample(R"({"prompt":"x y","completion":" z"})").scored_text, (TextSize{2, 1}));
  EXPECT_EQ(sample(R"({"input_ids":[5,6]})").scored_text, std::nullopt);
  DatasetOptions options{.path = {}, .max_samples = {}};
  options.max_length = 3;
  EXPECT_EQ(read(R"({"text":"x y z"})", options).samples.at(0).scored_text, (TextSize{2, 1}));
}

TEST(ScoredText, CountsACharacterOnceThoughTokensShareIt) {
  const std::vector<Range> bytes{{0, 2}, {0, 2}, {2, 3}, {3, 4}};
  EXPECT_EQ(size_of_scored_text("éa b", bytes, {}), (TextSize{4, 1}))
      << "the first token alone is not predicted";
  const std::vector<TokenRange> apart{{1, 2}, {3, 4}};
  EXPECT_EQ(size_of_scored_text("éa b", bytes, apart), (TextSize{3, 1}));
}

// ---- windows

struct ScoredToken {
  std::int64_t place;     // in the text
  std::int64_t n_before;  // tokens that it is predicted from
  bool operator==(const ScoredToken&) const = default;
};

// Hugging Face's recipe, as its documentation writes it: targets before end - trg_len are -100, and the model
// shifts labels by one.
std::vector<ScoredToken> by_recipe(std::int64_t length, std::int64_t window, std::int64_t stride) {
  std::vector<ScoredToken> scored;
  std::int64_t previous_end = 0;
  for (std::int64_t begin = 0; begin < length; begin += stride) {
    const std::int64_t end = std::min(begin + window, length);
    const std::int64_t target_length = end - previous_end;
    for (std::int64_t i = 1; i < end - begin; ++i)
      if (i >= end - begin - target_length) scored.push_back({begin + i, i});
    previous_end = end;
    if (end == length) break;
  }
  return scored;
}

TEST_F(ScoredData, InWindowsIsWhatTheRecipeScores) {
  for (const auto& [length, window, stride] : std::vector<std::tuple<int, int, int>>{{20, 8, 3},
                                                                                     {20, 8, 8},
                                                                                     {17, 8, 8},
                                                                                     {8, 8, 4},
                                                                                     {9, 8, 4},
                                                                                     {3, 8, 2},
                                                                                     {1, 8, 2},
                                                                                     {40, 6, 1},
                                                                                     {25, 2, 1}}) {
    std::string line = "{\"input_ids\":[0";
    for (int i = 1; i < length; ++i) line += "," + std::to_string(i);
    DatasetOptions options{.path = {}, .max_samples = {}};
    options.windows = PerplexityWindows{window, stride};
    std::vector<ScoredToken> scored;
    for (const auto& one : read(line + "]}", options).samples) {
      EXPECT_LE(std::ssize(one.ids), window);
      if (one.has_nothing_scored) continue;
      for_each_scored(one.scored, std::ssize(one.ids), [&](std::int64_t token) {
        scored.push_back({one.ids[static_cast<std::size_t>(token)], token});
      });
    }
    EXPECT_EQ(scored, by_recipe(length, window, stride)) << length << " " << window << ":" << stride;
  }
}

TEST_F(ScoredData, InWindowsIsOfPlainTextsAlone) {
  DatasetOptions options{.path = {}, .max_samples = 3};
  options.windows = PerplexityWindows{4, 2};
  const auto dataset = read("{\"text\":\"xyzwvu\"}\n{\"text\":\"xy\"}\n", options);
  ASSERT_THAT(dataset.samples, SizeIs(3)) << "windows count as samples";
  EXPECT_EQ(dataset.samples[2].ids, (Ids{'w', 'v', 'u'}));
  EXPECT_EQ(dataset.samples[2].index, SampleIndex(2));
  EXPECT_EQ(dataset.samples[2].scored_text, (TextSize{1, 1}));
  EXPECT_EQ(dataset.truncated, Truncation{});
  EXPECT_THAT(error_of<DataError>([&] { read(R"({"prompt":"x","completion":"y"})", options); }).problem,
              HasSubstr("--perplexity_windows cuts plain texts"));
}

TEST(PerplexityWindows, AreReadFromText) {
  EXPECT_EQ(parse_windows("2048:512"), (PerplexityWindows{2048, 512}));
  EXPECT_EQ(to_string(PerplexityWindows{8, 3}), "8:3");
  for (const char* text :
       {"", "8", "8:", ":8", "8:9", "1:1", "8:0", "8:-1", "a:b", "8:3:1", "8 : 3", "99999999999:1"})
    EXPECT_EQ(parse_windows(text), std::nullopt) << text;
}

}  // namespace
}  // namespace kvcompare
