#include "worker/checkpoint/plain_config.h"

#include <gtest/gtest.h>

namespace kvcompare {
namespace {

PlainConfig config_of_three_layers() {
  PlainConfig config;
  config.model_type = "qwen3";
  config.vocab_size = 11;
  config.hidden_size = 12;
  config.intermediate_size = 13;
  config.n_layers = 3;
  config.n_heads = 6;
  config.n_kv_heads = 2;
  config.head_dim = 4;
  config.rms_norm_eps = 1e-3;
  config.rope.theta = 5000;
  return config;
}

TEST(PlainConfig, HasTheSizesOfTheConfiguration) {
  auto config = config_of_three_layers();
  config.tied_embeddings = true;
  const auto decoder = decoder_of(config);
  EXPECT_EQ(decoder.family, "qwen3");
  EXPECT_EQ(decoder.vocab_size, 11);
  EXPECT_EQ(decoder.hidden_size, 12);
  EXPECT_EQ(decoder.norm.epsilon, 1e-3);
  EXPECT_TRUE(decoder.has_tied_head);
  ASSERT_EQ(decoder.ropes.size(), 1U);
  EXPECT_EQ(decoder.ropes[0].theta, 5000);
  ASSERT_EQ(decoder.n_layers(), 3);
  for (const auto& layer : decoder.layers) {
    EXPECT_EQ(layer.heads, (HeadShape{.n_heads = 6, .n_kv_heads = 2, .head_dim = 4}));
    EXPECT_EQ(layer.scale.factor(), 0.5);  // 1 / sqrt(4)
    EXPECT_EQ(layer.rope, 0U);
    EXPECT_FALSE(layer.window.has_value());
    EXPECT_EQ(layer.mlp.width, 13);
  }
}

TEST(PlainConfig, HasTheBiasesAndNormsThatTheConfigurationHas) {
  const auto layer_with = [](bool PlainConfig::*part) {
    auto config = config_of_three_layers();
    config.*part = true;
    return decoder_of(config).layers[2];
  };
  const auto parts_of = [](const LayerShape& layer) {
    return std::vector{layer.has_qkv_bias, layer.has_o_bias, layer.mlp.has_bias,
                       layer.qk_norm == QkNorm::kOfEachHead};
  };
  EXPECT_EQ(parts_of(layer_with(&PlainConfig::qkv_bias)), (std::vector{true, false, false, false}));
  EXPECT_EQ(parts_of(layer_with(&PlainConfig::o_bias)), (std::vector{false, true, false, false}));
  EXPECT_EQ(parts_of(layer_with(&PlainConfig::mlp_bias)), (std::vector{false, false, true, false}));
  EXPECT_EQ(parts_of(layer_with(&PlainConfig::qk_norm)), (std::vector{false, false, false, true}));
}

}  // namespace
}  // namespace kvcompare
