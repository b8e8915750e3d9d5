#include "launch/command_line/command_line.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/errors.h"
#include "tests/support/parameters.h"
#include "tests/support/temporary_folder.h"

namespace kvcompare {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;
using Arguments = std::vector<std::string>;

CompareCommand compare(Arguments arguments) {
  arguments.insert(arguments.end(), {"--data_path", "texts.jsonl"});
  return std::get<CompareCommand>(parse_command_line(arguments));
}

std::string refusal(const Arguments& arguments) {
  try {
    parse_command_line(arguments);
  } catch (const ConfigError& error) {
    EXPECT_EQ(error.exit_code(), ExitCode::kUsage);
    return error.what();
  }
  return "";
}

std::vector<std::string> method_names(const CompareCommand& command) {
  std::vector<std::string> names;
  for (const MethodSpec& method : command.spec.methods) names.push_back(method.name);
  return names;
}

const MethodSpec& instance(const CompareCommand& command, const std::string& method) {
  return *std::ranges::find(command.spec.methods, method, &MethodSpec::name);
}

double ratio(const CompareCommand& command) {
  return std::get<RatioBudget>(instance(command, "random").policy).compression_ratio;
}

double threshold(const CompareCommand& command) {
  return std::get<ScoreThreshold>(instance(command, "kvzap").policy).threshold;
}

TEST(CommandLine, DefaultsAreThoseOfTheSpecs) {
  const CompareCommand command = compare({});
  EXPECT_EQ(command.spec.model_name, "meta-llama/Meta-Llama-3.1-8B-Instruct");
  EXPECT_EQ(command.spec.max_length, 8192);
  EXPECT_EQ(command.spec.max_samples, std::nullopt);
  EXPECT_EQ(command.spec.chunk_size, 1);
  EXPECT_EQ(ratio(command), 0.5);
  EXPECT_EQ(threshold(command), -7);
  EXPECT_EQ(std::get<ScoreThreshold>(instance(command, "kvzap").policy).sliding_window_size, 128);
  EXPECT_EQ(sinks_of(instance(command, "streaming_llm")), 4);
  EXPECT_EQ(parameter<std::int64_t>(instance(command, "expected_attention"), "n_future_positions"), 512);
  EXPECT_TRUE(parameter<bool>(instance(command, "expected_attention"), "use_covariance"));
  EXPECT_TRUE(parameter<bool>(instance(command, "expected_attention"), "use_vnorm"));
  EXPECT_EQ(parameter<std::string>(instance(command, "kvzap"), "kvzap_scorer_model"),
            "nvidia/KVzap-mlp-Llama-3.1-8B-Instruct");
  EXPECT_EQ(parameter<std::string>(instance(command, "kvzap"), "kvzap_model_type"), "");
  EXPECT_EQ(sinks_of(instance(command, "kvzap")), 0);
  EXPECT_EQ(parameter<std::uint64_t>(instance(command, "random"), "seed"), 42u);
  EXPECT_EQ(command.spec.dtype, std::nullopt);
  EXPECT_EQ(command.options.device, "auto");
  EXPECT_EQ(command.options.output_dir.filename(), "comparison_results");
  EXPECT_EQ(method_names(command).size(), 5u);
}

TEST(CommandLine, EveryFlagReachesItsPlace) {
  const CompareCommand command = compare({"--model_name",
                                          "m",
                                          "--max_length",
                                          "10",
                                          "--max_samples",
                                          "3",
                                          "--chunk_size",
                                          "7",
                                          "--device",
                                          "cuda:1",
                                          "--output_dir",
                                          "out",
                                          "--num_gpus",
                                          "1",
                                          "--compression_ratio",
                                          "0.25",
                                          "--threshold",
                                          "-3.5",
                                          "--sliding_window_size",
                                          "0",
                                          "--n_sink",
                                          "2",
                                          "--n_future_positions",
                                          "9",
                                          "--use_covariance",
                                          "false",
                                          "--use_vnorm=no",
                                          "--kvzap_scorer_model",
                                          "k",
                                          "--kvzap_model_type",
                                          "linear",
                                          "--kvzap_n_sink",
                                          "5",
                                          "--methods",
                                          "kvzap,random,streaming_llm,expected_attention",
                                          "--seed",
                                          "18446744073709551615",
                                          "--policy",
                                          "auto",
                                          "--dtype",
                                          "bfloat16",
                                          "--text_field",
                                          "content",
                                          "--threads",
                                          "3",
                                          "--log_level",
                                          "debug",
                                          "--include_observed_attention"});
  EXPECT_EQ(command.spec.model_name, "m");
  EXPECT_EQ(command.spec.data_path, "texts.jsonl");
  EXPECT_EQ(command.spec.max_length, 10);
  EXPECT_EQ(command.spec.max_samples, 3);
  EXPECT_EQ(command.spec.chunk_size, 7);
  EXPECT_EQ(command.options.device, "cuda:1");
  EXPECT_EQ(command.options.output_dir, "out");
  EXPECT_EQ(command.options.num_gpus, 1);
  EXPECT_EQ(ratio(command), 0.25);
  EXPECT_EQ(threshold(command), -3.5);
  EXPECT_EQ(std::get<ScoreThreshold>(instance(command, "kvzap").policy).sliding_window_size, 0);
  EXPECT_EQ(sinks_of(instance(command, "streaming_llm")), 2);
  EXPECT_EQ(parameter<std::int64_t>(instance(command, "expected_attention"), "n_future_positions"), 9);
  EXPECT_FALSE(parameter<bool>(instance(command, "expected_attention"), "use_covariance"));
  EXPECT_FALSE(parameter<bool>(instance(command, "expected_attention"), "use_vnorm"));
  EXPECT_EQ(parameter<std::string>(instance(command, "kvzap"), "kvzap_scorer_model"), "k");
  EXPECT_EQ(parameter<std::string>(instance(command, "kvzap"), "kvzap_model_type"), "linear");
  EXPECT_EQ(sinks_of(instance(command, "kvzap")), 5);
  EXPECT_THAT(method_names(command), ElementsAre("baseline", "kvzap", "random", "streaming_llm",
                                                 "expected_attention", "observed_attention"));
  EXPECT_EQ(parameter<std::uint64_t>(instance(command, "random"), "seed"), 18446744073709551615u);
  EXPECT_FALSE(instance(compare({"--policy", "ratio"}), "kvzap").has_own_policy);
  EXPECT_EQ(command.spec.dtype, Dtype::kBFloat16);
  EXPECT_EQ(command.spec.text_field, "content");
  EXPECT_EQ(command.options.threads, 3);
  EXPECT_EQ(command.options.log_level, "debug");
}

TEST(CommandLine, TheSubcommandIsOptional) {
  EXPECT_EQ(compare({"compare", "--chunk_size", "3"}).spec.chunk_size, 3);
  EXPECT_EQ(compare({"--chunk_size", "3"}).spec.chunk_size, 3);
}

TEST(CommandLine, HyphensAndUnderscoresAreTheSame) {
  EXPECT_EQ(compare({"--chunk-size=3"}).spec.chunk_size, 3);
  EXPECT_EQ(parameter<std::string>(instance(compare({"--kvzap-scorer_model", "a-b_c"}), "kvzap"),
                                   "kvzap_scorer_model"),
            "a-b_c");
}

TEST(CommandLine, ANegativeNumberIsAValue) {
  EXPECT_EQ(threshold(compare({"--threshold", "-7.5"})), -7.5);
  EXPECT_EQ(threshold(compare({"--threshold=-7.5"})), -7.5);
  EXPECT_EQ(threshold(compare({"--threshold", "-.5"})), -0.5);
  EXPECT_EQ(threshold(compare({"--threshold", "-1e2"})), -100);
}

TEST(CommandLine, ASwitchStandsAloneTakesAValueOrIsNegated) {
  EXPECT_TRUE(
      parameter<bool>(instance(compare({"--use_covariance"}), "expected_attention"), "use_covariance"));
  EXPECT_TRUE(parameter<bool>(instance(compare({"--use_covariance", "True"}), "expected_attention"),
                              "use_covariance"));
  EXPECT_FALSE(parameter<bool>(instance(compare({"--use_covariance", "false"}), "expected_attention"),
                               "use_covariance"));
  EXPECT_FALSE(
      parameter<bool>(instance(compare({"--use-covariance=0"}), "expected_attention"), "use_covariance"));
  EXPECT_FALSE(
      parameter<bool>(instance(compare({"--no_use_covariance"}), "expected_attention"), "use_covariance"));
  EXPECT_FALSE(parameter<bool>(instance(compare({"--no-vnorm"}), "expected_attention"), "use_vnorm"));
  EXPECT_EQ(parameter<std::uint64_t>(
                instance(compare({"--include_observed_attention", "--seed", "1"}), "random"), "seed"),
            1u);
}

TEST(CommandLine, ListsOfMethodsMayHaveSpaces) {
  EXPECT_THAT(method_names(compare({"--methods", "random,", "knorm"})),
              ElementsAre("baseline", "random", "knorm"));
  EXPECT_THAT(method_names(compare({"--methods=random, knorm"})), ElementsAre("baseline", "random", "knorm"));
}

TEST(CommandLine, TheUsageExamplesOfTheSpecsRun) {
  EXPECT_EQ(method_names(compare({})).size(), 5u);
  EXPECT_THAT(method_names(compare({"--methods", "random,streaming_llm,kvzap", "--chunk_size", "128"})),
              ElementsAre("baseline", "random", "streaming_llm", "kvzap"));
  EXPECT_EQ(method_names(compare({"--methods", "all", "--include_observed_attention"})).size(), 6u);
}

TEST(CommandLine, AValueMayHoldAnEqualsSign) {
  EXPECT_EQ(compare({"--model_name=a=b"}).spec.model_name, "a=b");
}

TEST(CommandLine, KeepsTheArgumentsAsTyped) {
  EXPECT_THAT(compare({"compare", "--chunk-size=3"}).arguments,
              ElementsAre("compare", "--chunk-size=3", "--data_path", "texts.jsonl"));
}

TEST(CommandLine, WarnsOfAFlagThatNoMethodReads) {
  EXPECT_THAT(compare({"--methods", "random", "--threshold", "-3"}).warnings,
              ElementsAre("--threshold has no effect: no method of this run reads it"));
  EXPECT_THAT(compare({"--methods", "random", "--policy", "threshold", "--threshold", "-3"}).warnings,
              IsEmpty());
  EXPECT_THAT(compare({"--n_sink", "3", "--seed", "1", "--kvzap_n_sink", "1"}).warnings, IsEmpty());
  EXPECT_THAT(compare({"--methods", "random:seed=3,knorm", "--seed", "1,2"}).warnings,
              ElementsAre("--seed has no effect: each method that reads it has its own in --methods"));
  EXPECT_THAT(compare({"--methods", "random:seed=3,random", "--seed", "1,2"}).warnings, IsEmpty());
}

TEST(CommandLine, ReadsTheProtocol) {
  const auto plain = compare({}).spec;
  EXPECT_EQ(plain.protocol, ProtocolKind::kDecode);
  EXPECT_FALSE(plain.context_length);
  const auto spec =
      compare({"--protocol", "generate", "--context_length", "512", "--budget_counts", "generated"}).spec;
  EXPECT_EQ(spec.protocol, ProtocolKind::kGenerate);
  EXPECT_EQ(spec.context_length, 512);
  EXPECT_EQ(spec.budget_counts, BudgetCounts::kGenerated);
  EXPECT_EQ(compare({"--protocol", "prefill", "--context_length", "all"}).spec.context_length, kWholeSample);
  EXPECT_EQ(refusal({"--protocol", "answer"}),
            "--protocol: 'answer' is not accepted; give decode, prefill or generate");
  EXPECT_THAT(refusal({"--context_length", "0"}),
              HasSubstr("give a whole number from 1 to 2147483647, or all"));
}

TEST(CommandLine, WarnsOfAFlagThatTheProtocolDoesNotRead) {
  EXPECT_THAT(compare({"--protocol", "prefill", "--chunk_size", "8"}).warnings,
              ElementsAre("--chunk_size has no effect: prefill reads the context whole and evicts once"));
  EXPECT_THAT(compare({"--context_length", "8"}).warnings,
              ElementsAre(HasSubstr("--context_length has no effect: decode knows no context")));
  EXPECT_THAT(compare({"--protocol", "prefill", "--budget_counts", "generated"}).warnings,
              ElementsAre(HasSubstr("--budget_counts has no effect")));
  EXPECT_THAT(compare({"--protocol", "generate", "--chunk_size", "8", "--context_length", "9",
                       "--budget_counts", "all"})
                  .warnings,
              IsEmpty());
}

TEST(CommandLine, RefusesAnUnknownFlagNamingTheNearest) {
  EXPECT_EQ(refusal({"--max_lenght", "3"}),
            "--max_lenght: is no known flag; did you mean --max_length? --help lists all");
  EXPECT_THAT(refusal({"--ratio=0.3"}), HasSubstr("did you mean --compression_ratio?"));
}

TEST(CommandLine, RefusesAValueOutsideItsRangeNamingWhatIsAccepted) {
  EXPECT_EQ(refusal({"--compression_ratio", "1"}),
            "--compression_ratio: '1' is not accepted; give a number from 0 up to but not 1 (the fraction "
            "removed), or several separated by commas");
  EXPECT_EQ(refusal({"--chunk-size", "0"}),
            "--chunk_size: '0' is not accepted; give a whole number from 1 to 2147483647");
  EXPECT_THAT(refusal({"--use_vnorm", "maybe"}), HasSubstr("'maybe' is not accepted; give true or false"));
}

struct BadValue {
  const char* flag;
  const char* value;
};

class RefusedValue : public testing::TestWithParam<BadValue> {};

TEST_P(RefusedValue, IsAnErrorThatNamesFlagAndValue) {
  const auto [flag, value] = GetParam();
  const std::string message = refusal({"--data_path", "x", std::string(flag) + "=" + value});
  EXPECT_THAT(message, StartsWith(std::string(flag) + ": '" + value + "' is not accepted; give "));
}

INSTANTIATE_TEST_SUITE_P(CommandLine, RefusedValue,
                         testing::Values(BadValue{"--max_length", "1"}, BadValue{"--max_length", "ten"},
                                         BadValue{"--max_samples", "0"}, BadValue{"--chunk_size", "-1"},
                                         BadValue{"--chunk_size", "1.5"}, BadValue{"--device", "gpu"},
                                         BadValue{"--device", "cuda:"}, BadValue{"--device", "cuda:-1"},
                                         BadValue{"--num_gpus", "0"}, BadValue{"--compression_ratio", "-0.1"},
                                         BadValue{"--compression_ratio", "nan"},
                                         BadValue{"--threshold", "-inf"}, BadValue{"--threshold", "nan"},
                                         BadValue{"--sliding_window_size", "-1"}, BadValue{"--n_sink", "-1"},
                                         BadValue{"--n_future_positions", "0"},
                                         BadValue{"--kvzap_model_type", "cnn"},
                                         BadValue{"--kvzap_n_sink", "-1"}, BadValue{"--seed", "-1"},
                                         BadValue{"--seed", "18446744073709551616"},
                                         BadValue{"--policy", "both"}, BadValue{"--dtype", "int8"},
                                         BadValue{"--threads", "0"}, BadValue{"--log_level", "loud"}));

TEST(CommandLine, SuggestsNothingWhereNothingIsNear) {
  EXPECT_EQ(refusal({"--zzzzzzzz"}), "--zzzzzzzz: is no known flag; --help lists all");
  EXPECT_EQ(
      refusal({"zzzzzzzz"}),
      "command line: 'zzzzzzzz' is no subcommand; there are: compare, completion, doctor, dump, finalize, "
      "help, inspect, manual, merge, models, presses, report, rerun, tokenize, train_kvzap, verify. Flags "
      "are "
      "written "
      "--name VALUE (kvcompare --help)");
  EXPECT_THAT(refusal({"--data_path", "x", "--methods", "zzzzzzzz"}),
              HasSubstr("is no known method; there are: all, every, baseline, "));
}

TEST(CommandLine, TakesShortSpellingsOfDtypes) {
  for (const auto& [spelling, dtype] : {std::pair{"bf16", Dtype::kBFloat16},
                                        {"fp16", Dtype::kFloat16},
                                        {"half", Dtype::kFloat16},
                                        {"fp32", Dtype::kFloat32},
                                        {"float", Dtype::kFloat32},
                                        {"fp64", Dtype::kFloat64},
                                        {"double", Dtype::kFloat64}})
    EXPECT_EQ(compare({"--dtype", spelling}).spec.dtype, dtype) << spelling;
}

TEST(CommandLine, QuietIsAWordForTwoFlags) {
  const RunOptions quiet = compare({"--quiet"}).options;
  EXPECT_EQ(quiet.log_level, "warning");
  EXPECT_TRUE(quiet.no_progress);
  const RunOptions loud = compare({"--quiet", "false"}).options;
  EXPECT_EQ(loud.log_level, "info");
  EXPECT_FALSE(loud.no_progress);
  EXPECT_TRUE(compare({"--no_progress"}).options.no_progress);
  EXPECT_EQ(compare({"--no-progress"}).options.log_level, "info");
  EXPECT_EQ(
      refusal({"--data_path", "x", "--quiet", "--log_level", "debug"}),
      "--quiet: is --log_level warning and --no_progress, and contradicts --log_level debug; leave one of "
      "them out");
  const auto training = std::get<TrainKvzapCommand>(parse_command_line(
      {"train_kvzap", "--model_name", "m", "--data_path", "d", "--output", "o", "--quiet"}));
  EXPECT_TRUE(training.options.no_progress);
}

TEST(CommandLine, KnowsWhetherMethodsWereNamed) {
  EXPECT_TRUE(compare({}).methods_by_default);
  EXPECT_TRUE(compare({"--include_observed_attention", "--kvzap_n_sink", "1"}).methods_by_default);
  EXPECT_FALSE(compare({"--methods", "all"}).methods_by_default);
  EXPECT_FALSE(compare({"--kvzap_scorer_model", "k"}).methods_by_default);
  const TemporaryFolder folder;
  const auto file = folder.write("run.json", R"({"methods": "all"})");
  EXPECT_FALSE(compare({"--config", file.string()}).methods_by_default);
}

TEST(CommandLine, RefusesAMissingValue) {
  EXPECT_THAT(refusal({"--max_length"}), StartsWith("--max_length: has no value; give a whole number"));
  EXPECT_THAT(refusal({"--max_length", "--seed", "1"}), StartsWith("--max_length: has no value"));
  EXPECT_THAT(refusal({"--data_path="}),
              StartsWith("--data_path: has no value; give a file, several with commas"));
  EXPECT_THAT(refusal({"--data_path", ""}), StartsWith("--data_path: has no value"));
}

TEST(CommandLine, RefusesARepeatedFlag) {
  EXPECT_THAT(refusal({"--max-length", "3", "--max_length=4"}), StartsWith("--max_length: is given 2 times"));
}

TEST(CommandLine, RefusesAStrayWordAndAnUnknownSubcommand) {
  EXPECT_THAT(refusal({"--seed", "1", "2"}), HasSubstr("'2' belongs to no flag"));
  EXPECT_THAT(refusal({"-x"}), HasSubstr("'-x' belongs to no flag"));
  EXPECT_THAT(refusal({"tokenise"}), HasSubstr("'tokenise' is no subcommand; did you mean tokenize?"));
}

TEST(CommandLine, AMissingDataPathComesWithAnExample) {
  EXPECT_THAT(refusal({}), HasSubstr("--data_path: is missing; give a JSONL file, for example: kvcompare "));
}

TEST(CommandLine, RefusesContradictions) {
  EXPECT_THAT(refusal({"--data_path", "x", "--device", "cpu", "--num_gpus", "1"}),
              HasSubstr("contradicts --device"));
  EXPECT_THAT(refusal({"--data_path", "x", "--device", "cuda:0", "--num_gpus", "2"}),
              HasSubstr("contradicts"));
}

TEST(CommandLine, HelpAndVersionNeedNothingElse) {
  for (const Arguments& arguments :
       {Arguments{"--help"}, {"-h"}, {"compare", "--help"}, {"--seed", "x", "--help"}})
    EXPECT_THAT(std::get<ShowTextCommand>(parse_command_line(arguments)).text,
                HasSubstr("--data_path FILE.jsonl"));
  EXPECT_THAT(std::get<ShowTextCommand>(parse_command_line({"tokenize", "--help"})).text,
              HasSubstr("--tokenizer"));
  EXPECT_THAT(std::get<ShowTextCommand>(parse_command_line({"presses", "--help"})).text,
              HasSubstr("presses"));
  for (const char* flag : {"--version", "-V", "-v"})
    EXPECT_EQ(std::get<VersionCommand>(parse_command_line({flag})).format, VersionFormat::kText);
  EXPECT_EQ(std::get<VersionCommand>(parse_command_line({"--version", "--json"})).format,
            VersionFormat::kJson);
  EXPECT_THAT(refusal({"--json"}), HasSubstr("is no known flag"));
}

TEST(CommandLine, ReportTakesFoldersBeforeOrBehindItsFlags) {
  const auto report = [](const Arguments& arguments) {
    return std::get<ReportCommand>(parse_command_line(arguments));
  };
  const auto first = report({"report", "a", "b", "--output", "c", "--at_density", "0.5,0.25"});
  EXPECT_THAT(first.folders, ElementsAre("a", "b"));
  EXPECT_EQ(first.output, "c");
  EXPECT_EQ(first.at_density, (std::vector{0.5, 0.25}));
  EXPECT_EQ(first.format, "files");
  const auto last = report({"report", "--format", "llama-perplexity", "--report_text", "a"});
  EXPECT_THAT(last.folders, ElementsAre("a"));
  EXPECT_EQ(last.format, "llama-perplexity");
  EXPECT_TRUE(last.report_text);
  EXPECT_THAT(report({"report", "--format=llama-perplexity", "a"}).folders, ElementsAre("a"));
  EXPECT_THAT(refusal({"report", "--format", "csv", "a"}), HasSubstr("files or llama-perplexity"));
  EXPECT_THAT(refusal({"report", "--output", "a"}), HasSubstr("give the folder of a run first"));
  EXPECT_THAT(refusal({"report", "--fromat", "a", "b"}), HasSubstr("did you mean --format?"));
}

TEST(CommandLine, InspectTakesOneFolderAndHowManyTokens) {
  const auto inspect = [](const Arguments& arguments) {
    return std::get<InspectCommand>(parse_command_line(arguments));
  };
  EXPECT_EQ(inspect({"inspect", "out"}).n_tokens, 20);
  const auto command =
      inspect({"inspect", "out", "--top", "5", "--instance", "KVzap τ -6", "--tokenizer", "t"});
  EXPECT_EQ(command.folder, "out");
  EXPECT_EQ(command.n_tokens, 5);
  EXPECT_EQ(command.instance, "KVzap τ -6");
  EXPECT_EQ(command.tokenizer, "t");
  EXPECT_EQ(inspect({"inspect", "--top", "5", "out"}).folder, "out");
  EXPECT_THAT(refusal({"inspect"}), HasSubstr("kvcompare inspect OUT --top 20"));
  EXPECT_THAT(refusal({"inspect", "a", "b"}), HasSubstr("give the one folder"));
  EXPECT_THAT(refusal({"inspect", "out", "--top", "0"}), HasSubstr("a whole number from 1"));
}

TEST(CommandLine, TokenizeTakesThreePathsAndATextField) {
  const auto command = std::get<TokenizeCommand>(
      parse_command_line({"tokenize", "--tokenizer", "t", "--input=i.jsonl", "--output", "o.jsonl"}));
  EXPECT_EQ(command.tokenizer, "t");
  EXPECT_EQ(command.input, "i.jsonl");
  EXPECT_EQ(command.output, "o.jsonl");
  EXPECT_EQ(command.fields.text, std::nullopt);
  EXPECT_EQ(std::get<TokenizeCommand>(parse_command_line({"tokenize", "--tokenizer", "t", "--input", "i",
                                                          "--output", "o", "--text-field", "body"}))
                .fields.text,
            "body");
}

TEST(CommandLine, TokenizeRefusesWhatItDoesNotKnowOrLacks) {
  EXPECT_THAT(refusal({"tokenize", "--tokenizer", "t", "--input", "i"}), StartsWith("--output: is missing"));
  EXPECT_THAT(refusal({"tokenize", "--tokeniser", "t"}), HasSubstr("did you mean --tokenizer?"));
  EXPECT_THAT(refusal({"tokenize", "--chunk_size", "1"}), StartsWith("--chunk_size: is no known flag"));
}

TEST(CommandLine, PressesTakesNoFlags) {
  EXPECT_TRUE(std::holds_alternative<ModelsCommand>(parse_command_line({"models"})));
  EXPECT_THAT(refusal({"models", "--all"}), StartsWith("--all: is not accepted"));
  EXPECT_TRUE(std::holds_alternative<PressesCommand>(parse_command_line({"presses"})));
  EXPECT_THAT(refusal({"presses", "--all"}), StartsWith("--all: is not accepted"));
}

TEST(CommandLine, TrainsAScorer) {
  const auto command = std::get<TrainKvzapCommand>(parse_command_line(
      {"train_kvzap", "--model_name", "m", "--data_path=d.jsonl", "--output", "o", "--held-out", "0.2",
       "--kvzap_model_type", "linear", "--repeat_prompt", R"(\n\nAgain:\n)", "--epochs", "3"}));
  EXPECT_EQ(command.spec.model_name, "m");
  EXPECT_EQ(command.spec.data_path, "d.jsonl");
  EXPECT_EQ(command.options.output_dir, "o");
  EXPECT_EQ(command.training.held_out, 0.2);
  EXPECT_EQ(command.training.kvzap_model_type, "linear");
  EXPECT_EQ(command.training.repeat_prompt, "\n\nAgain:\n");
  EXPECT_EQ(command.training.n_epochs, 3);
  EXPECT_EQ(command.training.hidden_dim, 512);
  EXPECT_THAT(refusal({"train_kvzap", "--data_path", "d", "--output", "o"}),
              StartsWith("--model_name: is missing"));
  EXPECT_THAT(refusal({"train_kvzap", "--model_name", "m", "--data_path", "d"}),
              StartsWith("--output: is missing"));
  EXPECT_THAT(refusal({"train_kvzap", "--compression_ratio", "0.5"}),
              StartsWith("--compression_ratio: is no known flag"));
  EXPECT_THAT(refusal({"train_kvzap", "--ridge", "0"}), HasSubstr("give a number above 0"));
}

TEST(CommandLine, ARepeatPromptMayBeLeftOut) {
  const auto command = std::get<TrainKvzapCommand>(parse_command_line(
      {"train-kvzap", "--model_name", "m", "--data_path", "d", "--output", "o", "--repeat_prompt", "none"}));
  EXPECT_EQ(command.training.repeat_prompt, "");
}

TEST(CommandLine, WinsOverTheConfigurationFile) {
  const TemporaryFolder folder;
  const auto file =
      folder.write("run.json", R"({"chunk_size": 64, "max-length": 100, "methods": ["random"]})");
  const CompareCommand command = compare({"--chunk_size", "2", "--config", file.string()});
  EXPECT_EQ(command.spec.chunk_size, 2);
  EXPECT_EQ(command.spec.max_length, 100);
  EXPECT_THAT(method_names(command), ElementsAre("baseline", "random"));
}

TEST(CommandLine, TheConfigurationFileMayNameTheDataSet) {
  const TemporaryFolder folder;
  const auto file = folder.write("run.json", R"({"data_path": "from_config.jsonl"})");
  EXPECT_EQ(std::get<CompareCommand>(parse_command_line({"--config", file.string()})).spec.data_path,
            "from_config.jsonl");
  EXPECT_EQ(compare({"--config", file.string()}).spec.data_path, "texts.jsonl");
}

TEST(CommandLine, AMissingConfigurationFileIsNamed) {
  EXPECT_THAT(
      refusal({"--config", "/nowhere/run.json"}),
      StartsWith("--config: cannot read '/nowhere/run.json': No such file or directory; give a JSON file"));
}

}  // namespace
}  // namespace kvcompare
