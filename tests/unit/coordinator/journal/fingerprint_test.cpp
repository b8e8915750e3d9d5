#include "coordinator/journal/fingerprint.h"

#include <functional>
#include <set>
#include <tuple>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/errors.h"
#include "common/run/method_parameters.h"
#include "coordinator/json/json_run_spec.h"
#include "tests/support/error_of.h"

namespace kvcompare {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const InputHashes kInputs{"aa", "bb", "cc"};
const Versions kVersions{3, "2.11"};

RunSpec example() {
  RunSpec spec;
  spec.dtype = Dtype::kFloat64;
  spec.methods = {
      {"baseline", "Baseline", KeepAll{}, {}},
      {"kvzap",
       "KVzap",
       ScoreThreshold{-6.5, 32},
       {{"kvzap_n_sink", std::int64_t{2}}, {"kvzap_scorer_model", "a/scorer"}, {"kvzap_scorer", "dd"}}},
      {"random", "Random", RatioBudget{0.1}, {{"seed", std::int64_t{7}}}}};
  return spec;
}

Identity identity(const RunSpec& spec) { return identity_of(spec, kInputs, kVersions); }

void change(std::string& value) { value += "x"; }
void change(bool& value) { value = !value; }
void change(std::optional<Dtype>& value) { value = Dtype::kFloat16; }
void change(std::vector<MethodSpec>& value) { value.pop_back(); }
void change(ProtocolKind& value) { value = ProtocolKind::kGenerate; }
void change(BudgetCounts& value) { value = BudgetCounts::kGenerated; }
void change(std::vector<double>& value) { value.pop_back(); }
void change(PerplexityWindows& value) { value = {8, 3}; }
template <class Number>
requires std::is_arithmetic_v<Number>
void change(Number& value) { value += 1; }
template <class Value>
void change(std::optional<Value>& value) {
  value.emplace();
  change(*value);
}

// Every member of a struct of n members; a struct with more or fewer does not compile.
auto members_of(RunSpec& spec) {
  auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z] = spec;
  return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z);
}

// Calls look(changed spec) for each member of RunSpec in turn.
void for_each_change(const std::function<void(const RunSpec&)>& look) {
  const auto change_one = [&]<std::size_t... I>(std::index_sequence<I...>) {
    const auto one = [&](auto index) {
      auto spec = example();
      change(std::get<index>(members_of(spec)));
      look(spec);
    };
    (one(std::integral_constant<std::size_t, I>{}), ...);
  };
  auto spec = example();
  change_one(std::make_index_sequence<std::tuple_size_v<decltype(members_of(spec))>>{});
}

RunSpec read_back(const RunSpec& spec) {
  RunSpec read;
  get_value(json_value(spec), read);
  return read;
}

std::string first_difference(const RunSpec& a, const RunSpec& b) {
  const auto x = json_value(a), y = json_value(b);
  std::set<std::string> keys;
  for (const auto* json : {&x, &y})
    for (const auto& [key, value] : json->items()) keys.insert(key);
  for (const auto& key : keys)
    if (!x.contains(key) || !y.contains(key) || x.at(key) != y.at(key)) return key;
  return "";
}

TEST(RunSpecAsJson, HoldsEveryMember) {
  int n_members = 0;
  for_each_change([&](const RunSpec& changed) {
    ++n_members;
    EXPECT_NE(first_difference(example(), changed), "") << "member " << n_members;
    EXPECT_EQ(read_back(changed), changed) << first_difference(example(), changed);
  });
  EXPECT_EQ(n_members, 26);
}

TEST(RunSpecAsJson, HoldsPoliciesAndProtection) {
  auto spec = example();
  spec.methods[2].policy = SizeBudget{300};
  spec.methods[2].protection = {.first = 7, .last = 9};
  EXPECT_EQ(read_back(spec), spec);
}

TEST(RunSpecAsJson, HoldsSharedBudgetsWhereTheyAreNotUniform) {
  auto spec = example();
  spec.methods[2].policy = SizeBudget{300};
  EXPECT_FALSE(json_value(spec)["methods"][2].contains("layer_budgets"));
  EXPECT_FALSE(json_value(spec)["methods"][2].contains("head_budgets"));
  spec.methods[2].shares = {LayerBudgets::kPyramid, 7.5, HeadBudgets::kAdaptive, 0.25};
  EXPECT_EQ(read_back(spec), spec);
  auto json = json_value(spec);
  json["methods"][2]["layer_budgets"] = "cone";
  RunSpec read;
  EXPECT_THROW(get_value(json, read), std::invalid_argument);
}

TEST(RunSpecAsJson, OfARunFromBeforeThereWereProtocolsIsDecode) {
  auto json = json_value(example());
  json.erase("protocol");
  json.erase("budget_counts");
  RunSpec read;
  get_value(json, read);
  EXPECT_EQ(read, example());
}

TEST(RunSpecAsJson, RefusesAProtocolThatThereIsNot) {
  auto json = json_value(example());
  json["protocol"] = "answer";
  RunSpec read;
  EXPECT_THROW(get_value(json, read), std::invalid_argument);
}

// As --config takes it.
TEST(Flags, SayTheLengthOfTheContextAsText) {
  auto spec = example();
  EXPECT_FALSE(json_flags(spec).contains("context_length"));
  spec.context_length = 512;
  EXPECT_EQ(json_flags(spec)["context_length"], "512");
  spec.context_length = kWholeSample;
  EXPECT_EQ(json_flags(spec)["context_length"], "all");
}

TEST(RunSpecAsJson, HoldsParametersOfEveryTypeInTheirOrder) {
  auto spec = example();
  spec.methods[2].parameters = {{"n_sink", std::int64_t{4}},
                                {"b_below", std::int64_t{-3}},
                                {"a_seed", std::numeric_limits<std::uint64_t>::max()},
                                {"share", 2.0},
                                {"tiny", 1e-300},
                                {"is_on", true},
                                {"some_scorer_model", "a/b"},
                                {"some_scorer", ""}};
  EXPECT_EQ(read_back(spec), spec);
}

// Where files lie changes no number.
TEST(Fingerprint, ChangesWithEveryMemberButPlaces) {
  std::set<std::string> without_effect;
  for_each_change([&](const RunSpec& changed) {
    if (identity(changed) == identity(example()))
      without_effect.insert(first_difference(example(), changed));
    else
      EXPECT_NE(fingerprint_of(identity(changed)), fingerprint_of(identity(example())));
  });
  EXPECT_THAT(without_effect, ElementsAre("data_path", "model_name"));
}

TEST(Fingerprint, ChangesWithWhatAMethodUsesAndNotWithThePlaceOfAScorer) {
  auto spec = example();
  std::get<RatioBudget>(spec.methods[2].policy).compression_ratio = 0.2;
  set_parameter(spec.methods[2].parameters, "seed", std::int64_t{8});
  set_parameter(spec.methods[1].parameters, "kvzap_n_sink", std::int64_t{3});
  set_parameter(spec.methods[1].parameters, "kvzap_scorer_model", "b/scorer");  // the same, elsewhere
  EXPECT_THAT(drift(identity(example()), identity(spec)),
              ElementsAre("methods.1.kvzap_n_sink: was 2, is 3",
                          "methods.2.compression_ratio: was 0.1, is 0.2", "methods.2.seed: was 7, is 8"));
}

TEST(Fingerprint, ChangesWithProtectionAndHasNothingOfItWhereThereIsNone) {
  auto spec = example();
  spec.methods[2].protection.first = 8;
  EXPECT_THAT(drift(identity(example()), identity(spec)),
              ElementsAre("methods.2.protect_first: was absent, is 8"));
}

TEST(Fingerprint, ChangesWithInputsVersionsAndArithmetic) {
  const auto original = identity(example());
  EXPECT_NE(identity_of(example(), {"ab", "bb", "cc"}, kVersions), original);
  EXPECT_NE(identity_of(example(), {"aa", "bc", "cc"}, kVersions), original);
  EXPECT_NE(identity_of(example(), {"aa", "bb", "cd"}, kVersions), original);
  auto other_scorer = example();
  set_parameter(other_scorer.methods[1].parameters, "kvzap_scorer", "de");
  EXPECT_NE(identity(other_scorer), original);
  EXPECT_NE(identity_of(example(), kInputs, {4, "2.11"}), original);
  EXPECT_NE(identity_of(example(), kInputs, {3, "2.12"}), original);
  for (const auto& field : numerics_fields()) {
    Numerics numerics;
    const auto before = fingerprint_of(with_numerics(original, {numerics}));
    numerics.*field.value = "other";
    EXPECT_NE(fingerprint_of(with_numerics(original, {numerics})), before) << field.name;
  }
}

TEST(Fingerprint, NamesWhatDrifts) {
  const auto original = identity(example());
  EXPECT_THAT(drift(original, original), IsEmpty());
  for (const auto& [name, value] : original) {
    auto other = original;
    other[name] = value + "!";
    EXPECT_NE(fingerprint_of(other), fingerprint_of(original)) << name;
    EXPECT_THAT(drift(original, other), ElementsAre(name + ": was " + value + ", is " + value + "!"));
  }
}

TEST(Fingerprint, RefusesNumbersOfAnotherRevisionSayingWhichProgramGoesOn) {
  const BegunWith begun{.what = "run", .record = "OUT/journal.jsonl", .folder_flag = "--output_dir"};
  const auto refusal = [&](const char* name, const char* value) {
    auto then = identity(example());
    then[name] = value;
    return std::string(error_of<ConfigError>([&] { refuse_drift(then, identity(example()), begun); }).what());
  };
  EXPECT_THAT(
      refusal("version.numbers", "77"),
      testing::EndsWith("\nthis program computes other numbers than the one that began the run; continue "
                        "with a program of revision 77 (kvcompare --version tells it), or choose another "
                        "--output_dir"));
  EXPECT_THAT(refusal("version.libtorch", "1.0"),
              testing::EndsWith("continue with libtorch 1.0, or choose another --output_dir"));
  EXPECT_THAT(refusal("dtype", "float8"),
              testing::EndsWith("\ngive the old values, or choose another --output_dir"));
}

TEST(Fingerprint, TellsItsInputs) {
  const auto inputs = inputs_of(identity(example()));
  EXPECT_EQ(inputs.model, "aa");
  EXPECT_EQ(inputs.tokenizer, "bb");
  EXPECT_EQ(inputs.data, "cc");
}

}  // namespace
}  // namespace kvcompare
