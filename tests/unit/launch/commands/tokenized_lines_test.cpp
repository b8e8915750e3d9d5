#include "launch/commands/tokenized_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/errors.h"
#include "tests/support/temporary_folder.h"

namespace kvcompare {
namespace {

using ::testing::HasSubstr;

// Each byte is a token, after a token 1 for the start.
EncodedText encode_bytes(std::string_view text, SpecialTokens special) {
  EncodedText encoded;
  if (special == SpecialTokens::kAdd) encoded = {{1}, {{}}};
  for (std::size_t i = 0; i < text.size(); ++i) {
    encoded.ids.push_back(static_cast<unsigned char>(text[i]));
    encoded.bytes.push_back({static_cast<std::int64_t>(i), static_cast<std::int64_t>(i + 1)});
  }
  return encoded;
}

std::string lines_of(const std::string& input, const std::optional<std::string>& text_field = {}) {
  const TemporaryFolder folder;
  return tokenized_lines(
      {.data_path = folder.write("in.jsonl", input).string(), .fields = {.text = text_field}}, encode_bytes);
}

TEST(TokenizedLines, EncodesEachTextInOrder) {
  EXPECT_EQ(lines_of("{\"text\": \"AB\"}\n{\"text\": \"C\"}\n"),
            "{\"input_ids\":[1,65,66]}\n{\"input_ids\":[1,67]}\n");
}

TEST(TokenizedLines, SkipsBlankLinesAndNeedsNoLastLineBreak) {
  EXPECT_EQ(lines_of("\n{\"text\": \"\"}\r\n  \n{\"text\": \"C\"}"),
            "{\"input_ids\":[1]}\n{\"input_ids\":[1,67]}\n");
}

TEST(TokenizedLines, ReadsTheNamedField) {
  EXPECT_EQ(lines_of(R"({"text": "x", "body": "A"})", "body"), "{\"input_ids\":[1,65]}\n");
}

TEST(TokenizedLines, KeepsIdsOfALineWithoutText) {
  EXPECT_EQ(lines_of(R"({"input_ids": [5, 6]})"), "{\"input_ids\":[5,6]}\n");
}

TEST(TokenizedLines, ChoosesBetweenIdsAndTextAsAComparisonDoes) {
  const std::string both = R"({"text": "A", "input_ids": [0, 5], "attention_mask": [0, 1]})";
  EXPECT_EQ(lines_of(both), "{\"input_ids\":[5]}\n");
  EXPECT_EQ(lines_of(both, "text"), "{\"input_ids\":[1,65]}\n");
}

TEST(TokenizedLines, ShowsWhatIsScored) {
  EXPECT_EQ(lines_of(R"({"text": "ABC", "scored": [[1, 3]], "evidence": [[0, 1]], "context_length": 2})"),
            "{\"input_ids\":[1,65,66,67],\"scored\":[[2,4]],\"evidence\":[[1,2]],\"context_length\":2}\n");
  EXPECT_EQ(lines_of(R"({"prompt": "AB", "completion": "C"})"),
            "{\"input_ids\":[1,65,66,67],\"scored\":[[3,4]],\"context_length\":3}\n");
  EXPECT_EQ(lines_of(R"({"text": "AB", "scored": []})"), "{\"input_ids\":[1,65,66],\"scored\":[]}\n");
}

// What is written is read as the same line.
TEST(TokenizedLines, AreALineOfTheSameTokens) {
  const auto once =
      lines_of(R"({"prompt": "AB", "completion": "C", "evidence": [[0, 1]]})"
               "\n"
               R"({"input_ids": [9, 5, 6, 7], "attention_mask": [0, 1, 1, 1], "scored": [[2, 4]]})"
               "\n"
               R"({"text": "ABC", "scored": [[2, 3], [1, 2]], "evidence": [[[0, 1], [1, 2]], []]})");
  EXPECT_THAT(once, HasSubstr(R"("scored":[[2,3],[3,4]],"evidence":[[],[[1,2],[2,3]]])"));
  EXPECT_EQ(lines_of(once), once);
}

TEST(TokenizedLines, NamesTheLineThatHasNeither) {
  try {
    lines_of("{\"text\": \"A\"}\n\n{\"txt\": \"B\"}\n");
    FAIL() << "a line without text was accepted";
  } catch (const DataError& error) {
    EXPECT_EQ(error.line, 3);
  }
}

}  // namespace
}  // namespace kvcompare
