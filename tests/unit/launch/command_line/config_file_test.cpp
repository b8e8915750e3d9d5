// Runs every file of tests/config: those in valid/ are accepted and give what the tests below say; those in
// invalid/ are refused with the message in the file of the same name that ends in .message ("{file}" stands
// for the path).
#include "launch/command_line/config_file.h"

#include <algorithm>
#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/errors.h"
#include "launch/command_line/command_line.h"
#include "launch/command_line/flag_table.h"
#include "tests/support/error_of.h"
#include "tests/support/parameters.h"
#include "tests/support/temporary_folder.h"

namespace kvcompare {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;

std::vector<fs::path> cases(const std::string& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(fs::path(KVCOMPARE_CONFIG_CASES) / folder))
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

std::string name_of_case(const testing::TestParamInfo<fs::path>& info) { return info.param.stem().string(); }

CompareCommand command_with(const fs::path& config) {
  return std::get<CompareCommand>(
      parse_command_line({"--data_path", "texts.jsonl", "--config", config.string()}));
}

class ValidConfig : public testing::TestWithParam<fs::path> {};

TEST_P(ValidConfig, IsAccepted) { EXPECT_NO_THROW(command_with(GetParam())); }

INSTANTIATE_TEST_SUITE_P(ConfigFile, ValidConfig, testing::ValuesIn(cases("valid")), name_of_case);

class InvalidConfig : public testing::TestWithParam<fs::path> {};

TEST_P(InvalidConfig, IsRefusedWithItsMessage) {
  std::string expected = file_contents(fs::path(GetParam()).replace_extension(".message"));
  ASSERT_FALSE(expected.empty()) << "each invalid file needs a .message beside it";
  if (expected.back() == '\n') expected.pop_back();
  if (const auto at = expected.find("{file}"); at != std::string::npos)
    expected.replace(at, 6, GetParam().string());
  std::string message = "accepted";
  try {
    command_with(GetParam());
  } catch (const ConfigError& error) {
    message = error.what();
  }
  EXPECT_EQ(message, expected);
}

INSTANTIATE_TEST_SUITE_P(ConfigFile, InvalidConfig, testing::ValuesIn(cases("invalid")), name_of_case);

const MethodSpec& instance(const CompareCommand& command, const std::string& method) {
  return *std::ranges::find(command.spec.methods, method, &MethodSpec::name);
}

TEST(ConfigFile, EveryTypeOfValueReachesItsPlace) {
  const CompareCommand command = command_with(fs::path(KVCOMPARE_CONFIG_CASES) / "valid" / "every_key.json");
  EXPECT_EQ(command.spec.model_name, "models/tiny@main");
  EXPECT_EQ(command.spec.max_length, 1024);
  EXPECT_EQ(command.spec.max_samples, 20);
  EXPECT_EQ(std::get<RatioBudget>(instance(command, "random").policy).compression_ratio, 0.1);
  EXPECT_EQ(std::get<ScoreThreshold>(instance(command, "kvzap").policy).threshold, -6);
  EXPECT_FALSE(parameter<bool>(instance(command, "expected_attention"), "use_covariance"));
  EXPECT_EQ(parameter<std::uint64_t>(instance(command, "random"), "seed"), 18446744073709551615u);
  EXPECT_EQ(command.spec.dtype, Dtype::kFloat64);
  EXPECT_EQ(command.spec.context_length, 16);
  EXPECT_EQ(instance(command, "random").protection, (Protection{.first = 2, .last = 3}));
  EXPECT_EQ(command.options.threads, 2);
  std::vector<std::string> names;
  for (const MethodSpec& method : command.spec.methods) names.push_back(method.name);
  EXPECT_THAT(
      names, ElementsAre("baseline", "kvzap", "random", "knorm", "expected_attention", "observed_attention"));
}

TEST(ConfigFile, EveryKeyIsAFlagAndEveryFlagAKey) {
  const auto given =
      read_config_file(fs::path(KVCOMPARE_CONFIG_CASES) / "valid" / "every_key.json", compare_flags());
  std::vector<std::string> named;
  for (const GivenValue& value : given) named.push_back(value.flag->name);
  std::vector<std::string> flags = flag_names(compare_flags());
  flags.erase(std::find(flags.begin(), flags.end(), "config"));
  flags.erase(std::find(flags.begin(), flags.end(), "target_density"));  // stands in the place of threshold
  flags.erase(std::find(flags.begin(), flags.end(), "data_layout"));     // and this of text_field
  EXPECT_THAT(named, testing::UnorderedElementsAreArray(flags));
}

TEST(ConfigFile, NullMeansTheDefault) {
  const CompareCommand command =
      command_with(fs::path(KVCOMPARE_CONFIG_CASES) / "valid" / "null_is_default.json");
  EXPECT_EQ(command.spec.max_samples, std::nullopt);
  EXPECT_EQ(command.spec.chunk_size, 1);
}

TEST(ConfigFile, SaysSoIfItIsAFolder) {
  const TemporaryFolder folder;
  EXPECT_THROW(command_with(folder.path()), ConfigError);
}

// Copying or writing out such values would need a stack as deep as they nest.
TEST(ConfigFile, RefusesValuesThatNestWithoutEnd) {
  constexpr std::size_t kDepth = 1'000'000;
  const auto value = std::string(kDepth, '[') + std::string(kDepth, ']');
  const TemporaryFolder folder;
  for (const auto& text :
       {R"({"seed": )" + value + "}", R"({"schema_version": 1, "config": {"seed": )" + value + "}}"}) {
    const auto file = folder.write("run.json", text);
    EXPECT_EQ(error_of<ConfigError>([&] { command_with(file); }).what(),
              file.string() +
                  ":1: seed: a JSON array is not accepted; give a whole number without quotes, or a list of "
                  "them");
  }
}

TEST(ConfigFile, ExpandsHomeAndVariablesInPathsAlone) {
  ::setenv("KVCOMPARE_TEST_ROOT", "/data", 1);
  ::unsetenv("KVCOMPARE_TEST_UNSET");
  const TemporaryFolder folder;
  const CompareCommand command =
      command_with(folder.write("run.json", R"({"model_name": "$KVCOMPARE_TEST_ROOT/m", "output_dir": "~/out",
                      "kvzap_scorer_model": "${KVCOMPARE_TEST_ROOT}/k", "computed_log": "$KVCOMPARE_TEST_ROOT/c",
                      "text_field": "$KVCOMPARE_TEST_UNSET"})"));
  EXPECT_EQ(command.spec.model_name, "/data/m");
  EXPECT_EQ(parameter<std::string>(instance(command, "kvzap"), "kvzap_scorer_model"), "/data/k");
  EXPECT_EQ(command.options.computed_log, "/data/c");
  EXPECT_EQ(command.options.output_dir, std::string(std::getenv("HOME")) + "/out");
  EXPECT_EQ(command.spec.text_field, "$KVCOMPARE_TEST_UNSET");
  const auto file = folder.write("unset.json", R"({"data_path": "$KVCOMPARE_TEST_UNSET/d"})");
  EXPECT_EQ(error_of<ConfigError>([&] { command_with(file); }).what(),
            file.string() +
                ":1: data_path: '$KVCOMPARE_TEST_UNSET/d' names the environment variable "
                "KVCOMPARE_TEST_UNSET, which is not set; set it, or write the path itself");
}

}  // namespace
}  // namespace kvcompare
