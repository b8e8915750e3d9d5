#include "common/dataset.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/errors.h"
#include "tests/support/error_of.h"
#include "tests/support/temporary_folder.h"

namespace kvcompare {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Lt;
using ::testing::SizeIs;
using Ids = std::vector<TokenId>;

// One token a byte, so that a test sees what text was tokenised.
Ids bytes_as_ids(std::string_view text) {
  Ids ids;
  for (const char c : text) ids.push_back(static_cast<unsigned char>(c));
  return ids;
}

class ReadDataset : public ::testing::Test {
 protected:
  DatasetOptions options(const std::string& bytes) const {
    return {.path = folder_.write("d.jsonl", bytes), .max_samples = {}};
  }
  std::vector<Ids> ids_of(const DatasetOptions& opts) const {
    std::vector<Ids> all;
    for (const Sample& sample : read_dataset(opts, bytes_as_ids, 256).samples) all.push_back(sample.ids);
    return all;
  }
  std::vector<Ids> ids_of(const std::string& bytes) const { return ids_of(options(bytes)); }
  DataError error_of_data(const std::string& bytes) const {
    return error_of<DataError>([&] { ids_of(bytes); });
  }
  TemporaryFolder folder_;
};

TEST_F(ReadDataset, ReadsTextAndReadyIdsInFileOrder) {
  const auto samples = read_dataset(options("{\"text\":\"ab\"}\n{\"input_ids\":[3,1,2]}\n{\"text\":\"\"}\n"),
                                    bytes_as_ids, 256)
                           .samples;
  ASSERT_THAT(samples, SizeIs(3));
  EXPECT_EQ(samples[0].ids, (Ids{'a', 'b'}));
  EXPECT_EQ(samples[1].ids, (Ids{3, 1, 2}));
  EXPECT_EQ(samples[2].ids, Ids{});
  for (std::int64_t i = 0; i < 3; ++i) EXPECT_EQ(samples[static_cast<std::size_t>(i)].index.value, i);
}

TEST_F(ReadDataset, UsesReadyIdsWhereALineHoldsBoth) {
  EXPECT_EQ(ids_of("{\"text\":\"ab\",\"input_ids\":[7]}"), (std::vector<Ids>{{7}}));
  EXPECT_EQ(ids_of("{\"text\":\"ab\",\"input_ids\":null}"), (std::vector<Ids>{{'a', 'b'}}));
}

TEST_F(ReadDataset, AcceptsBlankLinesByteOrderMarkCrLfAndNoFinalNewline) {
  EXPECT_EQ(ids_of("\xef\xbb\xbf{\"text\":\"a\"}\r\n\r\n \t\n{\"text\":\"b\"}"),
            (std::vector<Ids>{{'a'}, {'b'}}));
}

TEST_F(ReadDataset, DecodesEscapesAndUtf8) {
  EXPECT_EQ(ids_of("{\"text\":\"\\u00e9\\n\"}"), (std::vector<Ids>{{0xc3, 0xa9, '\n'}}));
  EXPECT_EQ(ids_of("{\"text\":\"\xc3\xa9\"}"), (std::vector<Ids>{{0xc3, 0xa9}}));
}

TEST_F(ReadDataset, TruncatesToMaxLength) {
  DatasetOptions opts = options("{\"text\":\"abcdef\"}\n{\"input_ids\":[1,2]}\n");
  opts.max_length = 3;
  EXPECT_EQ(ids_of(opts), (std::vector<Ids>{{'a', 'b', 'c'}, {1, 2}}));
}

TEST_F(ReadDataset, CountsTheSamplesAndTokensThatMaxLengthCutsOff) {
  DatasetOptions opts =
      options("{\"text\":\"abcdef\"}\n{\"input_ids\":[1,2,3]}\n{\"input_ids\":[1,2,3,4]}\n");
  opts.max_length = 3;
  const auto truncated = read_dataset(opts, bytes_as_ids, 256).truncated;
  EXPECT_EQ(truncated.n_samples, 2);
  EXPECT_EQ(truncated.n_tokens, 3 + 1);
  opts.max_length = 6;
  EXPECT_EQ(read_dataset(opts, bytes_as_ids, 256).truncated.n_samples, 0);
}

TEST_F(ReadDataset, IsNotReadBeyondMaxSamples) {
  DatasetOptions opts = options("{\"text\":\"a\"}\n\n{\"text\":\"b\"}\nthis is not JSON\n");
  opts.max_samples = 2;
  EXPECT_EQ(ids_of(opts), (std::vector<Ids>{{'a'}, {'b'}}));
  opts.max_samples = 3;
  EXPECT_EQ(error_of<DataError>([&] { ids_of(opts); }).line, 4);
}

TEST_F(ReadDataset, ReadsTheFieldThatIsAskedFor) {
  DatasetOptions opts = options("{\"text\":1,\"content\":\"x\"}\n");
  opts.text_field = "content";
  EXPECT_EQ(ids_of(opts), (std::vector<Ids>{{'x'}}));
}

TEST_F(ReadDataset, NamesFileAndLineOfEveryBadLine) {
  struct BadLine {
    std::string line;
    const char* message;
  };
  const std::vector<BadLine> bad_lines{{"{\"text\":\"a\"", "not valid JSON"},
                                       {"{\"text\":\"a\"} x", "not valid JSON"},
                                       {"{\"text\":\"\xff\"}", "UTF-8"},
                                       {"{\"text\":\"\xed\xa0\x80\"}", "UTF-8"},
                                       {std::string("{\"text\":\"a\"}\0", 13), "NUL"},
                                       {"[1,2]", "expected an object"},
                                       {"\"text\"", "expected an object"},
                                       {"{\"text\":5}", "must be a string"},
                                       {"{\"input_ids\":\"1 2\"}", "array of token ids"},
                                       {"{\"input_ids\":[1,-2]}", "element 1 is -2"},
                                       {"{\"input_ids\":[1.0]}", "element 0 is 1.0"},
                                       {"{\"input_ids\":[[1]]}", "element 0 is of type array"},
                                       {"{\"input_ids\":[18446744073709551615]}", "element 0"},
                                       {"{\"input_ids\":[0,256]}", "token id 256 at position 1"},
                                       {"{}", "fields: none"}};
  for (const BadLine& bad : bad_lines) {
    const DataError error = error_of_data("{\"text\":\"fine\"}\n\n" + bad.line + "\n{\"text\":\"fine\"}\n");
    EXPECT_EQ(error.line, 3) << bad.line;
    EXPECT_EQ(error.exit_code(), ExitCode::kBadInput);
    EXPECT_THAT(error.what(), AllOf(HasSubstr("d.jsonl:3: "), HasSubstr(bad.message)));
  }
}

TEST_F(ReadDataset, ListsTheFieldsOfALineWithoutText) {
  EXPECT_THAT(error_of_data("{\"content\":\"x\",\"id\":1}").what(),
              AllOf(HasSubstr("'content', 'id'"), HasSubstr("--text_field")));
}

TEST_F(ReadDataset, ChecksIdsBeyondMaxLengthToo) {
  DatasetOptions opts = options("{\"input_ids\":[1,2,999]}\n");
  opts.max_length = 2;
  EXPECT_EQ(error_of<DataError>([&] { ids_of(opts); }).line, 1);
}

TEST_F(ReadDataset, RefusesAFileWithoutSamples) {
  for (const char* bytes : {"", "\n\r\n  \n", "\xef\xbb\xbf"})
    EXPECT_THAT(error_of_data(bytes).what(), HasSubstr("no sample"));
  EXPECT_THAT(error_of<DataError>([&] {
                ids_of(DatasetOptions{.path = folder_.path() / "none", .max_samples = {}});
              }).what(),
              HasSubstr("cannot be opened"));
  EXPECT_THAT(
      error_of<DataError>([&] { ids_of(DatasetOptions{.path = folder_.path(), .max_samples = {}}); }).what(),
      HasSubstr("is a folder"));
}

TEST_F(ReadDataset, ReadsALineOfTenMegabytes) {
  const std::string text(10'000'000, 'x');
  DatasetOptions opts = options("{\"text\":\"" + text + "\"}\n");
  opts.max_length = 20'000'000;
  EXPECT_THAT(ids_of(opts).front(), SizeIs(text.size()));
}

TEST_F(ReadDataset, KeepsTheMessageAboutALongBadLineShort) {
  const DataError error = error_of_data("{\"text\":\"" + std::string(10'000'000, 'x'));
  EXPECT_THAT(std::string(error.what()).size(), Lt(500U));
}

TEST_F(ReadDataset, NeedsATokenizerForTextOnly) {
  EXPECT_THAT(read_dataset(options("{\"input_ids\":[1]}"), nullptr, std::nullopt).samples, SizeIs(1));
  EXPECT_EQ(error_of<ConfigError>([&] { read_dataset(options("{\"text\":\"a\"}"), nullptr, 10); }).key,
            "data_path");
}

TEST(JsonlReader, GivesTextIdsAndLineNumbers) {
  const TemporaryFolder folder;
  JsonlReader reader(folder.write("d.jsonl", "\n{\"t\":\"a\",\"input_ids\":[4]}\n\n{\"t\":\"b\"}\n"), "t");
  const auto first = reader.next();
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->line, 2);
  EXPECT_EQ(first->text, "a");
  EXPECT_EQ(first->ids, Ids{4});
  const auto second = reader.next();
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(second->line, 4);
  EXPECT_EQ(second->ids, std::nullopt);
  EXPECT_FALSE(reader.next().has_value());
}

}  // namespace
}  // namespace kvcompare
