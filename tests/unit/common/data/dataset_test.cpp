#include "common/data/dataset.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/data/data_reader.h"
#include "common/data/jsonl_reader.h"
#include "common/errors.h"
#include "tests/support/error_of.h"
#include "tests/support/temporary_folder.h"

namespace kvcompare {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Lt;
using ::testing::SizeIs;
using Ids = std::vector<TokenId>;

// One token a byte, so that a test sees what text was tokenised.
EncodedText bytes_as_ids(std::string_view text, SpecialTokens = SpecialTokens::kAdd) {
  EncodedText encoded;
  for (const char c : text) encoded.ids.push_back(static_cast<unsigned char>(c));
  encoded.bytes.resize(encoded.ids.size());
  return encoded;
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
  Dataset dataset_without_bad_lines(const std::string& bytes) const {
    auto opts = options(bytes);
    opts.skip_bad_lines = true;
    return read_dataset(opts, bytes_as_ids, 256);
  }
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
  opts.fields.text = "content";
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

TEST_F(ReadDataset, LeavesMaskedPositionsOut) {
  EXPECT_EQ(ids_of(R"({"input_ids":[0,0,5,6,7],"attention_mask":[0,0,1,1,1]})"),
            (std::vector<Ids>{{5, 6, 7}}));
  EXPECT_EQ(ids_of(R"({"input_ids":[5,6,999],"attention_mask":[true,true,false]})"),
            (std::vector<Ids>{{5, 6}}));
  EXPECT_EQ(ids_of(R"({"input_ids":[5,6],"attention_mask":[0,0]})"), (std::vector<Ids>{{}}));
  EXPECT_EQ(ids_of(R"({"input_ids":[0,5,6],"attention_mask":[0,1,1],"labels":[-100,-100,6],)"
                   R"("position_ids":[1,0,1],"special_tokens_mask":[9]})"),
            (std::vector<Ids>{{5, 6}}));
}

TEST_F(ReadDataset, RefusesFieldsBesideIdsThatWouldChangeWhatIsScored) {
  struct Refused {
    const char* fields;
    const char* message;
  };
  for (const auto& [fields, message] : std::vector<Refused>{
           {R"("attention_mask":[1,0,1])", "'attention_mask' is 0 at position 1, between tokens"},
           {R"("attention_mask":[1,1])",
            "'attention_mask' must be an array as long as 'input_ids' (3); it has 2"},
           {R"("attention_mask":[1,1,2])", "'attention_mask' holds 2 at position 2"},
           {R"("attention_mask":[1,1,NaN])", "'attention_mask' holds NaN"},
           {R"("labels":[5,-100,-100])", "'labels' asks that 2 of the 3 tokens are not scored"},
           {R"("labels":[6,7,-100])", "'labels' holds 6 at position 0"},
           {R"("labels":1)", "'labels' must be an array"},
           {R"("position_ids":[0,1,0])", "'position_ids' holds 0 for token 2"}}) {
    const auto error = error_of_data(std::string(R"({"input_ids":[5,6,7],)") + fields + "}");
    EXPECT_EQ(error.line, 1);
    EXPECT_THAT(error.problem, HasSubstr(message));
  }
}

TEST_F(ReadDataset, UsesTheTextBesideIdsIfItsFieldWasNamedAndCountsTheLinesIfNot) {
  const auto opts = options("{\"text\":\"ab\",\"input_ids\":[7]}\n{\"input_ids\":[8]}\n");
  const auto unnamed = read_dataset(opts, bytes_as_ids, 256);
  EXPECT_EQ(unnamed.samples[0].ids, Ids{7});
  EXPECT_THAT(
      warnings_of(unnamed.ids_for_text, {}),
      ElementsAre("1 line with both 'input_ids' and 'text': input_ids was used; --text_field text uses "
                  "the text"));
  auto named = opts;
  named.fields.text = "text";
  const auto dataset = read_dataset(named, bytes_as_ids, 256);
  EXPECT_EQ(dataset.samples[0].ids, (Ids{'a', 'b'}));
  EXPECT_THAT(warnings_of(dataset.ids_for_text, "text"), ElementsAre(HasSubstr("1 line without the field")));
}

TEST_F(ReadDataset, AcceptsNonFiniteNumbersInFieldsThatAreNotRead) {
  EXPECT_EQ(ids_of(R"({"a":NaN,"b":[-Infinity,1e999],"text":"NaN \" ,NaN","c":Infinity})"),
            (std::vector<Ids>{bytes_as_ids("NaN \" ,NaN").ids}));
  EXPECT_THAT(error_of_data(R"({"text":NaN})").problem,
              HasSubstr("field 'text' must be a string; it is NaN"));
  EXPECT_THAT(error_of_data(R"({"input_ids":[1,Infinity]})").problem,
              HasSubstr("element 1 is NaN, Infinity"));
  EXPECT_THAT(error_of_data(R"({"text":"a","b":NaNo})").problem, HasSubstr("not valid JSON"));
}

TEST_F(ReadDataset, NamesWhatAFileIsAndHowToConvertIt) {
  using namespace std::string_literals;
  const std::vector<std::pair<std::string, const char*>> files{
      {"BZh9"s, "bzip2 -dc"},
      {"GGUF\3\0"s, "a model of llama.cpp"},
      {"\x10\0\0\0\0\0\0\0{\"a\":{"s, "a file of weights (safetensors)"},
      {"\x93NUMPY\1\0"s, "array of NumPy"},
      {"PAR1\x15\0"s, "Parquet"},
      {"\xff\xfe{\0"s, "UTF-16"},
      {"{\0\"\0"s, "UTF-16LE"},
      {"\0{\0\""s, "UTF-16BE"},
      {"\0\0\0"s, "NUL byte"},
      {"{\n \"text\": \"a\"\n}\n", "jq -c ."},
      {"[[1, 2]]\n", "holds array; expected an object a line"},
      {"Once upon a time\n", "plain text: --split line"},
      {"# no\n{\"text\":\"a\"}\n", "comments"},
      {"{\"Text\":\"a\"}", "did you mean --text_field Text?"},
      {"{\"messages\":[]}", "apply_chat_template"},
      {"{\"text\":null}", "'text' is null"}};
  for (const auto& [bytes, message] : files)
    EXPECT_THAT(error_of_data(bytes).problem, HasSubstr(message)) << bytes;
}

// A tokenizer that puts <s> (id 1) before a text, and reads "<" as <s> too.
EncodedText with_begin_token(std::string_view text, SpecialTokens special) {
  EncodedText encoded;
  if (special == SpecialTokens::kAdd) encoded = {{1}, {{0, 0}}};
  for (std::size_t i = 0; i < text.size(); ++i) {
    encoded.ids.push_back(text[i] == '<' ? 1 : text[i]);
    encoded.bytes.push_back({static_cast<std::int64_t>(i), static_cast<std::int64_t>(i) + 1});
  }
  return encoded;
}

TEST_F(ReadDataset, CountsTextsThatBeginWithTheTokenThatTheTokenizerAdds) {
  const auto dataset =
      read_dataset(options("{\"text\":\"<a\"}\n{\"text\":\"a<\"}\n{\"text\":\"\"}\n{\"input_ids\":[1,1]}\n"
                           "{\"prompt\":\"<\",\"completion\":\"<\"}\n"),
                   with_begin_token, 256);
  EXPECT_EQ(dataset.samples[0].ids, (Ids{1, 1, 'a'}));
  EXPECT_EQ(dataset.n_begin_twice, 2);
  EXPECT_THAT(warnings_of(dataset, {}), ElementsAre(HasSubstr("2 texts begin with the begin token")));
  EXPECT_THAT(warnings_of(read_dataset(options("{\"text\":\"a\"}"), with_begin_token, 256), {}), SizeIs(0));
}

TEST_F(ReadDataset, StopsAtTheFirstErrorOfTheTokenizer) {
  std::string lines;
  for (int i = 0; i < 500; ++i) lines += "{\"text\":\"a\"}\n";
  int n_calls = 0;
  const Encode broken = [&](std::string_view, SpecialTokens) -> EncodedText {
    ++n_calls;
    throw CheckpointError("tokenizer.json", "model", "cannot be read");
  };
  auto opts = options(lines);
  opts.skip_bad_lines = true;
  error_of<CheckpointError>([&] { read_dataset(opts, broken, 256); });
  EXPECT_EQ(n_calls, 1);
}

TEST_F(ReadDataset, DrawsTheSamplesThatComeFirstByTheHashesOfSeedAndNumber) {
  // Python: sorted(range(8), key=lambda i: hashlib.sha256(f'7:{i}'.encode()).hexdigest())
  const std::vector<Ids> order{{4}, {7}, {3}, {2}, {1}, {5}, {6}, {0}};
  std::string lines;
  for (int i = 0; i < 8; ++i) lines += "{\"input_ids\":[" + std::to_string(i) + "]}\n";
  auto opts = options(lines);
  opts.shuffle_seed = 7;
  EXPECT_EQ(ids_of(opts), order);
  for (std::int64_t n = 1; n <= 8; ++n) {
    opts.max_samples = n;
    EXPECT_EQ(ids_of(opts), std::vector<Ids>(order.begin(), order.begin() + n));
  }
}

TEST_F(ReadDataset, CountsTheShortSamplesBeforeTheLastOneThatIsTaken) {
  std::string lines;
  for (int i = 0; i < 8; ++i)
    lines += "{\"text\":\"" + std::string(i % 2 == 0 ? 1 : 3, static_cast<char>('0' + i)) + "\"}\n";
  auto opts = options(lines);
  opts.min_length = 2;
  opts.max_samples = 2;
  auto dataset = read_dataset(opts, bytes_as_ids, 256);
  ASSERT_THAT(dataset.samples, SizeIs(2));
  EXPECT_EQ(dataset.samples[1].ids, (Ids{'3', '3', '3'}));
  EXPECT_EQ(dataset.n_short, 2);  // 0 and 2
  opts.shuffle_seed = 7;          // 4, 7, 3, 2, 1, 5, 6, 0
  dataset = read_dataset(opts, bytes_as_ids, 256);
  EXPECT_EQ(dataset.samples[0].ids, (Ids{'7', '7', '7'}));
  EXPECT_EQ(dataset.samples[1].ids, (Ids{'3', '3', '3'}));
  EXPECT_EQ(dataset.n_short, 1);  // 4
}

TEST_F(ReadDataset, EndsAtAnArrayThatIsCutAlsoWhenBadLinesAreSkipped) {
  const auto dataset = dataset_without_bad_lines(R"([{"text":"a"},{"text":7},{"text":"b"},{"te)");
  ASSERT_THAT(dataset.samples, SizeIs(2));
  EXPECT_EQ(dataset.samples[1].ids, Ids{'b'});
  ASSERT_THAT(dataset.bad_lines, SizeIs(2));
  EXPECT_EQ(dataset.bad_lines[0].line, 2);
  EXPECT_EQ(dataset.bad_lines[1].line, 4);
}

TEST_F(ReadDataset, KeepsTheLastElementOfAnArrayThatSomethingFollows) {
  const std::string bytes = R"([{"text":"a"},{"text":"b"}] {"text":"c"})";
  EXPECT_EQ(error_of_data(bytes).line, 3);
  const auto dataset = dataset_without_bad_lines(bytes);
  ASSERT_THAT(dataset.samples, SizeIs(2));
  EXPECT_EQ(dataset.samples[1].ids, Ids{'b'});
  ASSERT_THAT(dataset.bad_lines, SizeIs(1));
  EXPECT_EQ(dataset.bad_lines[0].line, 3);
}

// RFC 8878, 3.1.1: magic, descriptor, window of 2^(10 + top five bits), the last block: raw, of 16 bytes.
std::string zstd_frame_cut_short(char window) {
  return std::string("\x28\xb5\x2f\xfd\0", 5) + window + std::string("\x81\0\0[{\"", 6);
}

TEST_F(ReadDataset, RefusesAFrameOfZstdThatNamesALargeWindowAndHoldsLittle) {
  EXPECT_THAT(error_of_data(zstd_frame_cut_short('\xa8')).what(),
              AllOf(HasSubstr("d.jsonl"), HasSubstr("ends too early")));
  EXPECT_THAT(error_of_data(zstd_frame_cut_short('\xb0')).what(),
              AllOf(HasSubstr("d.jsonl"), HasSubstr("more than 2 GiB"), HasSubstr("--long=31")));
}

TEST_F(ReadDataset, LeavesOutAParagraphWithABadByteAsAWhole) {
  auto opts = options("a\n\nb\n\xff\nc\n\nd\n");
  opts.split = TextSplit::kBlankLine;
  opts.skip_bad_lines = true;
  EXPECT_EQ(ids_of(opts), (std::vector<Ids>{{'a'}, {'d'}}));
}

TEST_F(ReadDataset, PacksJoinedTextsIntoSamples) {
  auto opts = options("{\"text\":\"ab\"}\n{\"text\":\"\"}\n{\"text\":\"cd\"}\n");
  opts.join = "-";
  opts.max_length = 4;
  EXPECT_EQ(ids_of(opts), (std::vector<Ids>{{'a', 'b', '-', '-'}, {'c', 'd'}}));
  opts = options("{\"text\":\"ab\"}\n{\"input_ids\":[1]}\n");
  opts.join = "-";
  EXPECT_EQ(error_of<DataError>([&] { ids_of(opts); }).line, 2);
}

TEST(DataReader, GivesTextIdsAndLineNumbers) {
  const TemporaryFolder folder;
  const auto file = folder.write("d.jsonl", "\n{\"t\":\"a\",\"input_ids\":[4]}\n\n{\"t\":\"b\"}\n");
  DataReader reader({.data_path = file.string(), .fields = {.text = "t"}});
  const auto first = reader.next();
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->line, 2);
  EXPECT_EQ(first->text, "a");
  EXPECT_EQ(first->ids, std::nullopt);
  const auto second = reader.next();
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(second->line, 4);
  EXPECT_EQ(second->ids, std::nullopt);
  EXPECT_FALSE(reader.next().has_value());
}

TEST(DataReader, PlacesTheErrorOfALaterFileThatCannotBeReadBehindTheLinesBeforeIt) {
  const TemporaryFolder folder;
  const auto first = folder.write("a.jsonl", "{\"text\":\"a\"}\n{\"text\":\"b\"}\n"),
             second = folder.write("b.gguf", std::string("GGUF\3\0", 6));
  DataReader reader({.data_path = first.string() + "," + second.string()});
  EXPECT_TRUE(reader.next().has_value());
  EXPECT_TRUE(reader.next().has_value());
  const auto error = error_of<DataError>([&] { reader.next(); });
  EXPECT_EQ(error.file, second);
  const auto place = reader.bad_line(error);
  EXPECT_EQ(place.line, 2);
  EXPECT_THAT(place.problem, HasSubstr("b.gguf"));
  EXPECT_FALSE(reader.next().has_value());
}

}  // namespace
}  // namespace kvcompare
