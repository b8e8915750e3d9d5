// What a family makes of its config.json. That its decoders compute what transformers computes is told by
// tests/golden/families_golden_test.cpp.
#include <cmath>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "common/errors.h"
#include "tests/support/error_of.h"
#include "tests/support/temporary_folder.h"
#include "worker/checkpoint/families/family.h"
#include "worker/checkpoint/model_config.h"

namespace kvcompare {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

json small(const std::string& model_type, const json& changes = json::object()) {
  json config{{"model_type", model_type}, {"vocab_size", 100},      {"hidden_size", 64},
              {"intermediate_size", 96},  {"num_hidden_layers", 4}, {"num_attention_heads", 8},
              {"num_key_value_heads", 4}, {"head_dim", 16},         {"max_position_embeddings", 512}};
  for (const auto& [key, value] : changes.items()) config[key] = value;
  return config;
}

json small(const Family& family, const json& changes = json::object()) {
  auto config = small(std::string(family.model_type), changes);
  if (family.has_text_config) config = {{"model_type", family.model_type}, {"text_config", config}};
  return config;
}

ModelConfig read(const json& config) {
  const TemporaryFolder folder;
  return read_model_config(folder.write("config.json", config.dump()));
}

CheckpointError refusal(const json& config) {
  return error_of<CheckpointError>([&] { read(config); });
}

TEST(Families, ReadASmallConfigurationWithTheirDefaults) {
  for (const auto& family : families()) {
    SCOPED_TRACE(std::string(family.model_type));
    const auto config = read(small(family));
    EXPECT_EQ(config.decoder.family, family.model_type);
    EXPECT_EQ(config.decoder.n_layers(), 4);
    EXPECT_EQ(heads_of(config.decoder), (HeadShape{8, 4, 16}));
  }
}

TEST(Families, StandInTheOrderOfTheirNames) {
  std::string last;
  for (const auto& family : families()) {
    EXPECT_LT(last, family.model_type);
    last = family.model_type;
  }
}

TEST(Families, TellTheKeysThatTheyRead) {
  for (const auto& family : families()) {
    const auto keys = keys_of(family);
    for (const char* key : {"hidden_size", "num_attention_heads", "tie_word_embeddings", "rope_parameters"})
      EXPECT_TRUE(keys.contains(key)) << family.model_type << ' ' << key;
  }
  EXPECT_TRUE(keys_of(families()[0]).contains("rms_norm_eps"));
}

// A key of one family in the file of another one.
TEST(Families, RefuseTheKeysOfOthersByName) {
  const json others{{"attn_logit_softcapping", 50.0},
                    {"final_logit_softcapping", 30.0},
                    {"query_pre_attn_scalar", 256},
                    {"logit_scale", 0.5},
                    {"kv_lora_rank", 8},
                    {"attention_chunk_size", 16},
                    {"use_bidirectional_attention", true}};
  for (const auto& family : families())
    for (const auto& [key, value] : others.items()) {
      SCOPED_TRACE(std::string(family.model_type) + ", " + key);
      if (keys_of(family).contains(key) && key != "use_bidirectional_attention") continue;
      EXPECT_EQ(refusal(small(family, {{key, value}})).item,
                (family.has_text_config ? "text_config." : "") + key);
    }
  EXPECT_EQ(refusal(small("granite", {{"num_experts", 4}})).item, "num_experts");
  EXPECT_EQ(refusal(small("mixtral", {{"residual_multiplier", 0.5}})).item, "residual_multiplier");
  EXPECT_EQ(refusal(small("qwen3", {{"partial_rotary_factor", 0.5}})).item, "partial_rotary_factor");
}

TEST(Families, WithoutAnotherActivation) {
  for (const auto& [family, other] : {std::pair{"arcee", "silu"},
                                      {"gemma", "silu"},
                                      {"apertus", "relu2"},
                                      {"starcoder2", "gelu"},
                                      {"phi3", "gelu_pytorch_tanh"}})
    EXPECT_EQ(refusal(small(family, {{"hidden_act", other}})).item, "hidden_act");
  EXPECT_EQ(read(small("gemma", {{"hidden_act", "gelu"}})).decoder.layer(0).mlp.activation,
            Activation::kGeluTanh);
}

TEST(Granite, HasItsMultipliers) {
  const auto decoder = read(small("granite", {{"embedding_multiplier", 12},
                                              {"logits_scaling", 8},
                                              {"attention_multiplier", 0.25},
                                              {"residual_multiplier", 0.5}}))
                           .decoder;
  EXPECT_EQ(decoder.embedding_multiplier, 12);
  EXPECT_EQ(decoder.logits.multiplier, 0.125);
  EXPECT_EQ(decoder.layer(3).scale.factor(), 0.25);
  EXPECT_EQ(decoder.layer(3).residual_multiplier, 0.5);
  EXPECT_EQ(refusal(small("granite", {{"attention_multiplier", 0}})).item, "attention_multiplier");
}

TEST(Smollm3, HasLayersThatDoNotTurn) {
  const auto turns = [](const json& changes) {
    const auto decoder = read(small("smollm3", changes)).decoder;
    std::vector<int> turning;
    for (const auto& layer : decoder.layers)
      turning.push_back(decoder.rope_of(layer).type != RopeConfig::Type::kNone);
    return turning;
  };
  EXPECT_THAT(turns(json::object()), ElementsAre(1, 1, 1, 0));
  EXPECT_THAT(turns({{"no_rope_layer_interval", 2}}), ElementsAre(1, 0, 1, 0));
  EXPECT_THAT(turns({{"no_rope_layers", {0, 1, 1, 1}}}), ElementsAre(0, 1, 1, 1));
  EXPECT_EQ(refusal(small("smollm3", {{"no_rope_layers", {0, 1}}})).item, "no_rope_layers");
  EXPECT_EQ(refusal(small("smollm3", {{"no_rope_layers", {0, 1, 2, 1}}})).item, "no_rope_layers");
}

// The window of each layer in which no method evicts, 0 for the others.
std::vector<std::int64_t> own_windows(const json& config) {
  std::vector<std::int64_t> windows;
  for (const auto& layer : read(config).decoder.layers)
    windows.push_back(layer.evicts ? 0 : layer.window.value_or(-1));
  return windows;
}

TEST(Smollm3, HasTheWindowOfLayersThatSlide) {
  const json window{{"sliding_window", 128}};
  EXPECT_THAT(own_windows(small("smollm3", window)), ElementsAre(0, 0, 0, 0));
  auto on = window;
  on["use_sliding_window"] = true;
  EXPECT_THAT(own_windows(small("smollm3", on)), ElementsAre(0, 0, 0, 128));
  on["no_rope_layers"] = {1, 1, 1, 1};
  EXPECT_THAT(own_windows(small("smollm3", on)), ElementsAre(0, 0, 0, 0));
}

// Which layers slide, by default and by the keys.
TEST(Families, HaveLayersThatSlide) {
  const json types{
      {"layer_types", {"full_attention", "sliding_attention", "full_attention", "sliding_attention"}},
      {"sliding_window", 9}};
  for (const auto& [family, of_defaults] :
       {std::pair{"cohere2", std::vector<std::int64_t>{4096, 4096, 4096, 0}},
        {"exaone4", {4096, 4096, 4096, 0}},
        {"gemma2", {4096, 0, 4096, 0}},
        {"gpt_oss", {128, 0, 128, 0}},
        {"olmo3", {4096, 4096, 4096, 0}}}) {
    SCOPED_TRACE(family);
    EXPECT_EQ(own_windows(small(family)), of_defaults);
    EXPECT_THAT(own_windows(small(family, types)), ElementsAre(0, 9, 0, 9));
    EXPECT_EQ(refusal(small(family, {{"sliding_window", nullptr}})).item.substr(0, 7),
              std::string(family) == "exaone4" ? "layer_t" : "sliding");
  }
  EXPECT_THAT(own_windows(small("cohere2", {{"sliding_window_pattern", 2}})), ElementsAre(4096, 0, 4096, 0));
  EXPECT_THAT(own_windows(small("gemma3_text", {{"sliding_window_pattern", 3}})),
              ElementsAre(4096, 4096, 0, 4096));
  EXPECT_THAT(own_windows(small("qwen2", {{"use_sliding_window", true}, {"max_window_layers", 3}})),
              ElementsAre(0, 0, 0, 4096));
}

// Where all layers slide, methods evict in all of them, and longer samples are refused.
TEST(Families, MayHaveAWindowOfAllLayers) {
  for (const char* family : {"gemma3_text", "mistral", "qwen2"}) {
    const auto config =
        read(small(family, {{"sliding_window", 7}, {"use_sliding_window", true}, {"max_window_layers", 0}}));
    EXPECT_EQ(config.sliding_window, 7) << family;
    for (const auto& layer : config.decoder.layers) EXPECT_TRUE(layer.evicts && layer.window == 7) << family;
  }
}

TEST(Gemma3, TurnsLayersThatSlideOtherwise) {
  const auto thetas = [](const json& config) {
    const auto decoder = read(config).decoder;
    std::vector<double> of_layers;
    for (const auto& layer : decoder.layers) of_layers.push_back(decoder.rope_of(layer).theta);
    return of_layers;
  };
  const json pattern{{"sliding_window_pattern", 2}};
  EXPECT_THAT(thetas(small("gemma3_text", pattern)), ElementsAre(1e4, 1e6, 1e4, 1e6));
  auto older = pattern;
  older["rope_local_base_freq"] = 50;
  older["rope_theta"] = 70;
  older["rope_scaling"] = {{"rope_type", "linear"}, {"factor", 8}};
  EXPECT_THAT(thetas(small("gemma3_text", older)), ElementsAre(50, 70, 50, 70));
  const auto decoder = read(small("gemma3_text", older)).decoder;
  EXPECT_EQ(decoder.ropes[0].factor, 8);
  EXPECT_EQ(decoder.ropes[1].type, RopeConfig::Type::kDefault);
  EXPECT_EQ(refusal(small("gemma3_text", {{"rope_parameters", {{"rope_type", "default"}}}})).item,
            "rope_parameters.rope_type");
  EXPECT_EQ(refusal(small("gemma3_text", {{"attn_logit_softcapping", 50.0}})).item, "attn_logit_softcapping");
}

TEST(Gemma3, IsReadFromTheConfigurationOfAModelWithImages) {
  json text{{"hidden_size", 64}, {"intermediate_size", 96}, {"num_hidden_layers", 12}, {"sliding_window", 8}};
  json whole{{"model_type", "gemma3"},
             {"architectures", {"Gemma3ForConditionalGeneration"}},
             {"dtype", "bfloat16"},
             {"text_config", text},
             {"vision_config", {{"hidden_size", 32}}}};
  const auto config = read(whole);
  EXPECT_TRUE(config.decoder.is_part && config.decoder.has_tied_head);
  EXPECT_EQ(config.decoder.vocab_size, 262208);
  EXPECT_EQ(heads_of(config.decoder), (HeadShape{8, 4, 256}));
  EXPECT_EQ(config.decoder.max_position_embeddings, 131072);
  EXPECT_EQ(config.stored_dtype, Dtype::kBFloat16);
  whole["text_config"]["tie_word_embeddings"] = false;
  EXPECT_EQ(refusal(whole).item, "text_config.tie_word_embeddings") << "true is the default of the whole";
  whole["tie_word_embeddings"] = false;
  EXPECT_FALSE(read(whole).decoder.has_tied_head);
  whole["text_config"].erase("tie_word_embeddings");
  EXPECT_FALSE(read(whole).decoder.has_tied_head);
  whole["tie_word_embeddings"] = nullptr;
  EXPECT_EQ(refusal(whole).item, "tie_word_embeddings");
}

TEST(GptOss, IsRefusedInMxfp4WithTheCommandThatConvertsIt) {
  const auto error = refusal(small("gpt_oss", {{"quantization_config", {{"quant_method", "mxfp4"}}}}));
  EXPECT_EQ(error.item, "quantization_config");
  EXPECT_THAT(error.what(), HasSubstr("Mxfp4Config(dequantize=True)"));
}

TEST(Phi3, TurnsAPartOfTheChannels) {
  const auto rope = [](const json& changes) { return read(small("phi3", changes)).decoder.ropes[0]; };
  EXPECT_EQ(rope(json::object()).n_turning, 0);
  EXPECT_EQ(rope({{"partial_rotary_factor", 0.75}}).n_turning, 12);
  EXPECT_EQ(refusal(small("phi3", {{"partial_rotary_factor", 0.2}})).item, "partial_rotary_factor");
  EXPECT_EQ(refusal(small("phi3", {{"partial_rotary_factor", 1.5}})).item, "partial_rotary_factor");
  EXPECT_EQ(refusal(small("phi3", {{"partial_rotary_factor", 1e300}})).item, "partial_rotary_factor");
}

TEST(Phi3, TakesOldNamesOfLongrope) {
  json factors = json::array();
  for (int pair = 0; pair < 8; ++pair) factors.push_back(1 + pair);
  for (const char* type : {"longrope", "su", "yarn"}) {
    const json scaling{{"type", type}, {"short_factor", factors}, {"long_factor", factors}};
    const auto rope =
        read(small("phi3", {{"rope_scaling", scaling}, {"original_max_position_embeddings", 128}}))
            .decoder.ropes[0];
    EXPECT_EQ(rope.type, RopeConfig::Type::kLongrope);
    EXPECT_EQ(rope.original_max_position_embeddings, 128);
    EXPECT_EQ(rope.long_factor.back(), 8);
    EXPECT_NEAR(rope.attention_factor, std::sqrt(1 + std::log(4.0) / std::log(128.0)), 1e-15);
  }
  factors.erase(0);
  const auto error = refusal(
      small("phi3",
            {{"rope_scaling", {{"type", "longrope"}, {"short_factor", factors}, {"long_factor", factors}}}}));
  EXPECT_EQ(error.item, "rope_scaling.short_factor");
  EXPECT_THAT(error.what(), HasSubstr("holds 7 values; expected an array of 8 numbers"));
  EXPECT_EQ(refusal(small("phi3", {{"rope_scaling", {{"type", "linear"}, {"factor", 2}}}})).item,
            "rope_scaling.type");
}

TEST(Ministral3, ScalesQueriesByTheirPosition) {
  const auto scale_of = [](const json& changes) {
    return read(small("ministral3", changes)).decoder.ropes[0].query_scale;
  };
  EXPECT_EQ(scale_of(json::object()), (QueryScale{.beta = 0.1, .n_unscaled = 16384}));
  EXPECT_EQ(n_unscaled_queries(read(small("ministral3")).decoder), 16384);
  EXPECT_FALSE(n_unscaled_queries(read(small("mistral")).decoder).has_value());
  json rope{{"rope_type", "yarn"},
            {"rope_theta", 1e6},
            {"factor", 16.0},
            {"original_max_position_embeddings", 64},
            {"llama_4_scaling_beta", 0.1}};
  EXPECT_EQ(scale_of({{"rope_parameters", rope}}), (QueryScale{.beta = 0.1, .n_unscaled = 64}));
  rope["llama_4_scaling_beta"] = 0;
  EXPECT_FALSE(
      n_unscaled_queries(read(small("ministral3", {{"rope_parameters", rope}})).decoder).has_value());
  rope.erase("llama_4_scaling_beta");
  EXPECT_EQ(refusal(small("ministral3", {{"rope_parameters", rope}})).item,
            "rope_parameters.llama_4_scaling_beta");
  EXPECT_EQ(refusal(small("ministral3", {{"rope_scaling", rope}})).item, "rope_scaling.llama_4_scaling_beta");
  rope["llama_4_scaling_beta"] = 0.2;
  EXPECT_EQ(scale_of({{"rope_scaling", rope}}), (QueryScale{.beta = 0.2, .n_unscaled = 64}));
}

// As transformers does, whose configuration classes know which keys may be null.
TEST(Families, RefuseNullByName) {
  const json none{{"rope_type", nullptr}};
  for (const auto& [family, key] : {std::pair{"glm4", "partial_rotary_factor"},
                                    {"phi3", "partial_rotary_factor"},
                                    {"gemma3_text", "rope_local_base_freq"},
                                    {"gpt_oss", "num_key_value_heads"},
                                    {"gemma", "head_dim"},
                                    {"granite", "head_dim"},
                                    {"llama", "attention_bias"},
                                    {"llama", "tie_word_embeddings"},
                                    {"qwen2", "use_sliding_window"},
                                    {"qwen2", "max_window_layers"}})
    EXPECT_EQ(refusal(small(family, {{key, nullptr}})).item, key) << family;
  EXPECT_EQ(refusal(small("llama", {{"rope_parameters", none}})).item, "rope_parameters.rope_type");
  EXPECT_EQ(refusal(small("glm4", {{"rope_parameters",
                                    {{"rope_type", "default"}, {"partial_rotary_factor", nullptr}}}}))
                .item,
            "rope_parameters.partial_rotary_factor");
  for (const auto& [family, key] : {std::pair{"ernie4_5", "use_bias"},
                                    {"ernie4_5", "num_key_value_heads"},
                                    {"llama", "head_dim"},
                                    {"gemma2", "use_bidirectional_attention"}})
    EXPECT_NO_THROW(read(small(family, {{key, nullptr}}))) << family << ' ' << key;
}

// transformers takes it for a ministral.
TEST(Mistral, HasTheLayersThatSlideByLayerTypes) {
  json config{
      {"layer_types", {"full_attention", "sliding_attention", "full_attention", "sliding_attention"}}};
  EXPECT_THAT(own_windows(small("mistral", config)), ElementsAre(0, 4096, 0, 4096));
  config["sliding_window"] = nullptr;
  EXPECT_EQ(refusal(small("mistral", config)).item, "layer_types");
}

TEST(Families, RefuseAHiddenSizeThatHeadsDoNotDivide) {
  for (const char* family : {"arcee", "gemma2", "gemma3_text", "llama"})
    EXPECT_EQ(refusal(small(family, {{"hidden_size", 65}})).item, "hidden_size") << family;
  EXPECT_NO_THROW(read(small("qwen3", {{"hidden_size", 65}})));
}

TEST(Families, WithoutLayerTypesRefuseLayersThatSlide) {
  for (const char* family : {"apertus", "glm4", "granite", "mixtral", "phi3", "qwen3_moe"}) {
    json types = json::array({"full_attention", "full_attention", "full_attention", "full_attention"});
    EXPECT_NO_THROW(read(small(family, {{"layer_types", types}}))) << family;
    types[1] = "sliding_attention";
    EXPECT_EQ(refusal(small(family, {{"layer_types", types}})).item, "layer_types") << family;
  }
}

TEST(Qwen3Moe, HasLayersWithoutExperts) {
  const auto experts_of = [](const json& changes) {
    const auto decoder = read(small("qwen3_moe", changes)).decoder;
    std::vector<std::int64_t> n;
    for (const auto& layer : decoder.layers) n.push_back(layer.mlp.experts.n);
    return n;
  };
  const json few{{"num_experts", 5}, {"num_experts_per_tok", 3}};
  EXPECT_THAT(experts_of(json::object()), ElementsAre(128, 128, 128, 128));
  EXPECT_THAT(experts_of(few), ElementsAre(5, 5, 5, 5));
  auto changed = few;
  changed["mlp_only_layers"] = {1, 2};
  EXPECT_THAT(experts_of(changed), ElementsAre(5, 0, 0, 5));
  changed["decoder_sparse_step"] = 2;
  EXPECT_THAT(experts_of(changed), ElementsAre(0, 0, 0, 5));
  changed["num_experts_per_tok"] = 6;
  EXPECT_EQ(refusal(small("qwen3_moe", changed)).item, "num_experts_per_tok");
  EXPECT_EQ(refusal(small("qwen3_moe", {{"num_experts", 4}, {"num_local_experts", 8}})).item,
            "num_local_experts");
}

TEST(Yarn, HasTheDefaultsOfTransformers) {
  json rope{{"rope_type", "yarn"}, {"factor", 4.0}, {"original_max_position_embeddings", 128}};
  const auto parsed = [&] { return read(small("llama", {{"rope_scaling", rope}})).decoder.ropes[0]; };
  EXPECT_EQ(parsed().beta_fast, 32);
  EXPECT_EQ(parsed().beta_slow, 1);
  EXPECT_TRUE(parsed().truncates);
  EXPECT_NEAR(parsed().attention_factor, 0.1 * std::log(4.0) + 1, 1e-15);
  rope["mscale"] = 2;
  EXPECT_NEAR(parsed().attention_factor, 0.1 * std::log(4.0) + 1, 1e-15)
      << "mscale counts with mscale_all_dim";
  rope["mscale_all_dim"] = 0.5;
  EXPECT_NEAR(parsed().attention_factor, (0.2 * std::log(4.0) + 1) / (0.05 * std::log(4.0) + 1), 1e-15);
  rope["attention_factor"] = 1.5;
  EXPECT_EQ(parsed().attention_factor, 1.5);
  rope["truncate"] = false;
  rope["beta_fast"] = 16;
  EXPECT_FALSE(parsed().truncates);
  EXPECT_EQ(parsed().beta_fast, 16);
  rope["truncate"] = "no";
  EXPECT_EQ(refusal(small("llama", {{"rope_scaling", rope}})).item, "rope_scaling.truncate");
}

}  // namespace
}  // namespace kvcompare
