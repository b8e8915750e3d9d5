#include "launch/commands/tokenized_lines.h"

#include <gtest/gtest.h>

#include "common/errors.h"
#include "tests/support/temporary_folder.h"

namespace kvcompare {
namespace {

// Each byte is a token, after a token 1 for the start.
std::vector<TokenId> encode_bytes(std::string_view text) {
  std::vector<TokenId> ids{1};
  for (const char c : text) ids.push_back(static_cast<unsigned char>(c));
  return ids;
}

std::string lines_of(const std::string& input, const std::optional<std::string>& text_field = {}) {
  const TemporaryFolder folder;
  return tokenized_lines(folder.write("in.jsonl", input), text_field, encode_bytes);
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
