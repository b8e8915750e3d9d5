// A scored range is exact if and only if greedy generation, token by token under the cache of the stepwise
// engine, writes it. The generation here really generates: it knows no token of the range.
// KVCOMPARE_REAL_MODEL may name the folder of another Hugging Face model (two to three minutes of a core with
// 135M parameters).
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/argmax.h>
#include <c10/core/InferenceMode.h>

#include "common/tokenizer/tokenizer.h"
#include "presses/registry.h"
#include "tests/support/assets.h"
#include "tests/support/engines.h"
#include "tests/support/flags_and_chunks.h"
#include "tests/support/real_model.h"
#include "worker/stepwise/layer_cache.h"

namespace kvcompare {
namespace {

// The cache of one method on one sample, token by token.
class Generation {
 public:
  //   n_tokens : that are passed at most
  Generation(const ModelForTest& loaded, const MethodSpec& method, SampleIndex sample, std::int64_t n_tokens)
      : model_(*loaded.model),
        sample_(sample),
        n_tokens_(n_tokens),
        resources_(loaded.resources()),
        press_(make_press(method, resources_)) {
    const auto& heads = heads_of(model_.decoder());
    const UnitShape unit{.chunking = {n_tokens, 1}, .n_heads = heads.n_heads, .n_kv_heads = heads.n_kv_heads};
    for (std::int64_t l = 0; l < model_.decoder().n_layers(); ++l) caches_.emplace_back(*press_, unit);
  }

  // Passes a token, with its eviction.
  void pass(TokenId token) {
    auto x = model_.embed(std::span(&token, 1));
    for (std::size_t l = 0; l < caches_.size(); ++l) {
      const LayerIndex layer(static_cast<std::int64_t>(l));
      const auto view = model_.project(
          layer, {.sample = sample_, .first_position = n_passed_, .n_sample_tokens = n_tokens_}, x);
      x = model_.finish_layer(layer, x, caches_[l].attend(view));
      caches_[l].evict({.n_previous = n_passed_, .n = n_passed_ + 1});
    }
    ++n_passed_;
    last_ = x;
  }

  // The most likely token after those that were passed.
  TokenId most_likely() const { return model_.logits(model_.last_hidden(last_))[0].argmax().item<TokenId>(); }

 private:
  const Model& model_;
  SampleIndex sample_;
  std::int64_t n_tokens_;
  ScorerResources resources_;
  std::unique_ptr<LayerPress> press_;
  std::vector<LayerCache> caches_;
  std::int64_t n_passed_ = 0;
  at::Tensor last_;  // [1, d_model], of the last layer
};

// What greedy generation writes after `given`.
std::vector<TokenId> generated(const ModelForTest& loaded, const MethodSpec& method, SampleIndex sample,
                               std::span<const TokenId> given, std::int64_t n_tokens) {
  const c10::InferenceMode no_autograd;
  Generation generation(loaded, method, sample, std::ssize(given) + n_tokens);
  for (const auto token : given) generation.pass(token);
  std::vector<TokenId> written;
  for (std::int64_t i = 0; i < n_tokens; ++i) {
    if (i > 0) generation.pass(written.back());
    written.push_back(generation.most_likely());
  }
  return written;
}

std::vector<MethodSpec> methods(const std::vector<std::string>& names) {
  FlagsAndChunks run;
  run.compression_ratio = 0.6;
  std::vector<MethodSpec> specs;
  for (const auto& name : names) specs.push_back(make_method_spec(*find_method(name), run));
  return specs;
}

std::vector<MethodSpec> methods() {
  return methods(
      {"baseline", "random", "streaming_llm", "expected_attention", "observed_attention", "knorm"});
}

struct Found {
  int n_exact = 0;
  int n_other = 0;
};

// Where the ranges stand in a text, and who writes them.
struct Plan {
  std::vector<MethodSpec> authors;  // in turn, each three ranges
  std::vector<MethodSpec> methods;  // compared
  std::int64_t step = 20;           // tokens from one range to the next
};

// A text whose ranges are, in turn: what an author writes there, the same with its last token changed, and
// what stands in the text.
Found compare(const ModelForTest& loaded, std::vector<TokenId> text, const Plan& plan) {
  const SampleIndex index(1);
  Sample sample{index, {}};
  constexpr std::int64_t kLength = 3;
  for (std::int64_t begin = plan.step, n = 0; begin + kLength < std::ssize(text); begin += plan.step, ++n) {
    if (n % 3 < 2) {
      const auto& author = plan.authors[static_cast<std::size_t>(n / 3) % plan.authors.size()];
      const auto written =
          generated(loaded, author, index, std::span(text).first(static_cast<std::size_t>(begin)), kLength);
      std::ranges::copy(written, text.begin() + begin);
      if (n % 3 == 1) text[static_cast<std::size_t>(begin + kLength - 1)] ^= 1;
    }
    sample.scored.push_back({begin, begin + kLength});
  }
  sample.ids = text;
  Found found;
  for (const auto& method : plan.methods) {
    std::int64_t n_exact = 0;
    for (const auto& [begin, end] : sample.scored) {
      const auto given = std::span(text).first(static_cast<std::size_t>(begin));
      const auto written = generated(loaded, method, index, given, end - begin);
      n_exact += std::ranges::equal(written, std::span(text).subspan(given.size(), written.size())) ? 1 : 0;
    }
    for (const auto engine : kCpuEngines) {
      const auto answers = make_engine(engine, loaded, 1)->run(sample, method).numbers.answers.value();
      EXPECT_EQ(answers.spans, std::ssize(sample.scored));
      EXPECT_EQ(answers.spans_exact, n_exact) << method.name << ", " << name_of(engine);
    }
    found.n_exact += static_cast<int>(n_exact);
    found.n_other += static_cast<int>(std::ssize(sample.scored) - n_exact);
  }
  return found;
}

std::string first_line(const std::filesystem::path& file) {
  std::ifstream stream(file);
  std::string line;
  std::getline(stream, line);
  return line;
}

Found compare_all(const ModelForTest& loaded, const std::vector<TokenId>& text) {
  Found found;
  for (const auto& author : methods({"baseline", "streaming_llm", "knorm"})) {
    SCOPED_TRACE("written by " + author.name);
    const auto more = compare(loaded, text, {.authors = {author}, .methods = methods()});
    found.n_exact += more.n_exact;
    found.n_other += more.n_other;
  }
  return found;
}

class GreedyGeneration : public testing::Test {
 protected:
  static void SetUpTestSuite() { at::set_num_threads(1); }
};

TEST_F(GreedyGeneration, WritesTheRangesThatAreExactOnTheDemo) {
  const std::filesystem::path demo(KVCOMPARE_DEMO_DIR);
  const auto loaded = load_for_test(demo / "model", demo / "scorer", at::kDouble);
  auto ids = Tokenizer::load(demo / "model").encode(first_line(demo / "documents.jsonl"));
  ids.resize(130);
  const auto found = compare_all(loaded, ids);
  EXPECT_GT(found.n_exact, 20);
  EXPECT_GT(found.n_other, 20);
}

TEST_F(GreedyGeneration, WritesTheRangesThatAreExactOnATrainedModelOfOthers) {
  KVCOMPARE_SKIP_WITHOUT_ASSETS();
  const auto model = *test_assets() / "models" / "stories260K";
  const auto loaded = load_for_test(model, "", at::kDouble);
  auto ids = Tokenizer::load(model).encode(first_line(*test_assets() / "text" / "tinystories.jsonl"));
  ids.resize(130);
  const auto found = compare_all(loaded, ids);
  EXPECT_GT(found.n_exact, 5);
  EXPECT_GT(found.n_other, 20);
}

TEST_F(GreedyGeneration, WritesTheRangesThatAreExactOnARealModel) {
  const auto folder = real_model();
  if (!folder) GTEST_SKIP() << "KVCOMPARE_REAL_MODEL is not set";
  at::set_num_threads(2);
  const auto loaded = load_for_test(*folder, "", at::kDouble);
  auto ids = Tokenizer::load(*folder).encode(
      "The lighthouse keeper wrote down the weather every morning and every evening. On Monday the wind came "
      "from the west, and the sea was calm. On Tuesday the wind came from the north, and the waves were so "
      "high that no ship left the harbour. On Wednesday the wind came from the west again, and the fishermen "
      "sailed out before dawn and came home with full nets.");
  ASSERT_GE(ids.size(), 45u);
  ids.resize(45);
  // Each author writes one range at least that is exact for itself.
  const auto found =
      compare(loaded, ids,
              {.authors = methods({"streaming_llm", "baseline"}),
               .methods = methods({"baseline", "streaming_llm", "expected_attention", "observed_attention"}),
               .step = 10});
  EXPECT_GE(found.n_exact, 2);
  EXPECT_GE(found.n_other, 2);
}

}  // namespace
}  // namespace kvcompare
