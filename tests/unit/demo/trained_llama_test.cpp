// The model as it is trained against the model as it is evaluated.
#include "demo/trained_llama.h"

#include <gtest/gtest.h>

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randint.h>

#include "demo/training.h"
#include "tests/support/attention_by_libtorch.h"
#include "tests/support/temporary_folder.h"
#include "worker/checkpoint/model_config.h"
#include "worker/checkpoint/weights.h"
#include "worker/model/cross_entropy.h"
#include "worker/model/model.h"

namespace kvcompare::demo {
namespace {

const LlamaShape kSmall{.vocab_size = 60,
                        .hidden_size = 32,
                        .intermediate_size = 48,
                        .n_layers = 3,
                        .n_heads = 4,
                        .n_kv_heads = 2,
                        .head_dim = 8,
                        .max_positions = 128,
                        .rope_theta = 5000,
                        .norm_eps = 1e-5};

// NLL of the exported checkpoint, by the code that kvcompare evaluates models with.
std::vector<double> evaluated(const std::filesystem::path& folder, std::vector<TokenId> ids) {
  const auto decoder = read_model_config(folder / "config.json").decoder;
  const Model model(decoder, load_weights(folder, decoder, at::kFloat, at::kCPU));
  auto x = model.embed(ids);
  for (std::int64_t l = 0; l < decoder.n_layers(); ++l) {
    const auto view =
        model.project(LayerIndex(l), {.sample = SampleIndex(0), .n_sample_tokens = x.size(0)}, x);
    const auto never = at::full({heads_of(decoder).n_kv_heads, x.size(0)}, x.size(0), at::kInt);
    x = model.finish_layer(LayerIndex(l), x, interval_attention(view.q, view.k, view.v, never));
  }
  return cross_entropy(model, x, std::span(ids).subspan(1));
}

TEST(TrainedLlama, IsTheModelThatIsEvaluated) {
  const TemporaryFolder folder;
  TrainedLlama llama(kSmall, 4);
  // bfloat16 values, so that the export loses nothing.
  for (const auto& [name, weight] : llama.weights()) weight.detach().copy_(weight.detach().to(at::kBFloat16));
  const auto ids = at::randint(60, {2, 50}, at::TensorOptions(at::kLong));
  const auto nll = llama.nll(ids, at::arange(50, at::kLong)).detach();
  llama.export_model(folder.path());
  for (std::int64_t row = 0; row < 2; ++row) {
    const auto* first = ids[row].const_data_ptr<std::int64_t>();
    const auto expected = evaluated(folder.path(), {first, first + 50});
    for (std::int64_t t = 0; t < 49; ++t)
      EXPECT_NEAR(nll[row][t].item<double>(), expected[static_cast<std::size_t>(t)], 2e-5);
  }
}

TEST(TrainedLlama, KnowsDistancesNotPlaces) {
  TrainedLlama llama(kSmall, 4);
  const auto ids = at::randint(60, {1, 30}, at::TensorOptions(at::kLong));
  const auto near = llama.nll(ids, at::arange(30, at::kLong));
  const auto shifted = llama.nll(ids, at::arange(30, at::kLong) + 70);
  const auto stretched = llama.nll(ids, at::arange(30, at::kLong) * 3);
  EXPECT_TRUE(near.allclose(shifted, 1e-4, 1e-4));
  EXPECT_FALSE(near.allclose(stretched, 1e-2, 1e-2));
}

TEST(Training, IsTheSameHoweverOftenItIsInterrupted) {
  const TemporaryFolder folder;
  TrainingOptions options{
      .tokenizer = KVCOMPARE_DEMO_DIR "/model", .output_dir = folder.path() / "whole", .max_steps = 3};
  train(options);
  options.output_dir = folder.path() / "pieces";
  for (options.max_steps = 1; options.max_steps <= 3; ++options.max_steps) train(options);
  EXPECT_EQ(file_contents(folder.path() / "whole" / "training.safetensors"),
            file_contents(folder.path() / "pieces" / "training.safetensors"));
}

}  // namespace
}  // namespace kvcompare::demo
