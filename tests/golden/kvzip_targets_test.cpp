// KVzip+ scores against those of an independent program (kvzip_targets.py).
#include "worker/training/kvzip_targets.h"

#include <cmath>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <ATen/TensorOperators.h>
#include <ATen/ops/linalg_vector_norm.h>

#include "tests/support/model_for_test.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_model.h"

namespace kvcompare {
namespace {

nlohmann::json golden_cases() {
  std::ifstream file(KVCOMPARE_GOLDEN_DIR "/kvzip_targets.json");
  return nlohmann::json::parse(file);
}

RepeatedPrompt prompt_of(const nlohmann::json& golden, std::vector<std::int64_t> positions) {
  return {.sample = SampleIndex(0),
          .ids = golden["ids"].get<std::vector<TokenId>>(),
          .n_context = golden["n_context"],
          .repeat_begin = golden["repeat_begin"],
          .positions = std::move(positions)};
}

void expect_golden(const nlohmann::json& golden, at::ScalarType dtype, double tolerance) {
  SCOPED_TRACE(golden["preset"].get<std::string>());
  const TemporaryFolder folder;
  write_tiny_model(folder.path(), tiny_model_preset(golden["preset"].get<std::string>()));
  const auto loaded = load_for_test(folder.path(), folder.path() / "scorer", dtype);
  const std::vector<std::int64_t> positions{0, 1, 2, 7, 13, 20};
  const auto targets = kvzip_targets(*loaded.model, prompt_of(golden, positions));
  ASSERT_EQ(targets.size(), golden["scores"].size());
  for (std::size_t l = 0; l < targets.size(); ++l) {
    const auto norms = at::linalg_vector_norm(targets[l].hidden, 2, at::IntArrayRef(-1));
    for (std::size_t p = 0; p < positions.size(); ++p) {
      const auto j = static_cast<std::size_t>(positions[p]);
      const auto row = static_cast<std::int64_t>(p);
      EXPECT_NEAR(norms[row].item<double>() / golden["hidden_norms"][l][j].get<double>(), 1, tolerance);
      for (std::size_t h = 0; h < golden["scores"][l][j].size(); ++h)
        EXPECT_NEAR(targets[l].scores[row][static_cast<std::int64_t>(h)].item<double>(),
                    golden["scores"][l][j][h].get<double>(), tolerance)
            << "layer " << l << ", position " << j << ", KV head " << h;
    }
  }
}

TEST(KvzipTargets, AgreeWithTheOracleInFloat64) {
  for (const auto& golden : golden_cases())
    expect_golden(golden, at::kDouble, 2e-6);  // they are kept as float32
}

TEST(KvzipTargets, AgreeWithTheOracleInFloat32) {
  for (const auto& golden : golden_cases()) expect_golden(golden, at::kFloat, 1e-4);
}

// More queries than are looked at at once: a prompt and its 400 repeated tokens, by the definition head by
// head.
TEST(KvzipTargets, LooksAtEveryQueryOfALongRepetition) {
  const TemporaryFolder folder;
  write_tiny_model(folder.path(), tiny_model_preset("llama"));
  const auto loaded = load_for_test(folder.path(), folder.path() / "scorer", at::kDouble);
  const auto& heads = heads_of(loaded.model->decoder());
  RepeatedPrompt prompt{
      .sample = SampleIndex(0), .ids = {}, .n_context = 400, .repeat_begin = 401, .positions = {0, 399}};
  for (TokenId t = 0; t < 801; ++t)
    prompt.ids.push_back((t * t + 3 * t) % loaded.model->decoder().vocab_size);
  const auto targets = kvzip_targets(*loaded.model, prompt);

  const auto view = loaded.model->project(
      LayerIndex(0), {.sample = prompt.sample, .n_sample_tokens = 801}, loaded.model->embed(prompt.ids));
  const auto norms = loaded.model->value_norms(LayerIndex(0), view.v);
  const auto group = heads.group();
  for (std::int64_t p = 0; p < 2; ++p)
    for (std::int64_t h = 0; h < heads.n_kv_heads; ++h) {
      const auto j = prompt.positions[static_cast<std::size_t>(p)];
      double best = 0;
      for (std::int64_t head = h * group; head < (h + 1) * group; ++head)
        for (std::int64_t i = prompt.repeat_begin; i < 801; ++i) {
          const at::Tensor logits = view.k[h].narrow(0, 0, i + 1).mv(view.q[head][i]) /
                                    std::sqrt(static_cast<double>(heads.head_dim));
          const auto weight = logits.softmax(0)[j].item<double>();
          best =
              std::max(best, weight * norms[head][j].item<double>() / view.hidden[i].norm().item<double>());
        }
      EXPECT_NEAR(targets[0].scores[p][h].item<double>(), std::log(best), 1e-5);
    }
}

}  // namespace
}  // namespace kvcompare
