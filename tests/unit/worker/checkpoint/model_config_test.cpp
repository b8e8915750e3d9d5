#include "worker/checkpoint/model_config.h"

#include <functional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "common/errors.h"
#include "tests/support/assets.h"
#include "tests/support/error_of.h"
#include "tests/support/temporary_folder.h"

namespace kvcompare {
namespace {

using ::testing::HasSubstr;
using json = nlohmann::json;
using Rope = RopeConfig::Type;

// ---- configurations as they are published

struct Published {
  const char* file;
  std::vector<std::int64_t> sizes;  // vocabulary, hidden, intermediate, layers, heads, KV heads, head
  double eps;
  Rope rope_type;
  double theta;
  bool qkv_bias, qk_norm, tied;
  std::optional<std::int64_t> window;
  Dtype dtype;
};

void expect_published(const Published& expected) {
  SCOPED_TRACE(expected.file);
  const ModelConfig c = read_model_config(*test_assets() / "configs" / expected.file);
  const auto& decoder = c.decoder;
  for (const auto& layer : decoder.layers) {
    EXPECT_EQ(expected.sizes,
              (std::vector<std::int64_t>{decoder.vocab_size, decoder.hidden_size, layer.mlp.width,
                                         decoder.n_layers(), layer.heads.n_heads, layer.heads.n_kv_heads,
                                         layer.heads.head_dim}));
    EXPECT_EQ(layer.has_qkv_bias, expected.qkv_bias);
    EXPECT_FALSE(layer.has_o_bias);
    EXPECT_FALSE(layer.mlp.has_bias);
    EXPECT_EQ(layer.qk_norm == QkNorm::kOfEachHead, expected.qk_norm);
  }
  EXPECT_EQ(decoder.norm.epsilon, expected.eps);
  EXPECT_EQ(decoder.ropes[0].type, expected.rope_type);
  EXPECT_EQ(decoder.ropes[0].theta, expected.theta);
  EXPECT_EQ(decoder.has_tied_head, expected.tied);
  EXPECT_EQ(c.sliding_window, expected.window);
  EXPECT_EQ(c.stored_dtype, expected.dtype);
}

TEST(PublishedConfig, IsReadWithAllItsValues) {
  KVCOMPARE_SKIP_WITHOUT_ASSETS();
  constexpr auto kNone = std::nullopt;
  constexpr Dtype kF32 = Dtype::kFloat32;
  constexpr Dtype kBf16 = Dtype::kBFloat16;
  const std::vector<Published> table{
      {"llama-2-7b.json",
       {32000, 4096, 11008, 32, 32, 32, 128},
       1e-5,
       Rope::kDefault,
       1e4,
       false,
       false,
       false,
       kNone,
       kF32},
      {"llama-3-8b-instruct.json",
       {128256, 4096, 14336, 32, 32, 8, 128},
       1e-5,
       Rope::kDefault,
       5e5,
       false,
       false,
       false,
       kNone,
       kBf16},
      {"llama-3-8b-linear-rope.json",
       {128256, 4096, 14336, 32, 32, 8, 128},
       1e-5,
       Rope::kLinear,
       5e5,
       false,
       false,
       false,
       kNone,
       kBf16},
      {"llama-3.1-8b-instruct.json",
       {128256, 4096, 14336, 32, 32, 8, 128},
       1e-5,
       Rope::kLlama3,
       5e5,
       false,
       false,
       false,
       kNone,
       kBf16},
      {"llama-3.2-3b.json",
       {128256, 3072, 8192, 28, 24, 8, 128},
       1e-5,
       Rope::kLlama3,
       5e5,
       false,
       false,
       true,
       kNone,
       kBf16},
      {"mistral-24b-dolphin3.json",
       {131074, 5120, 32768, 40, 32, 8, 128},
       1e-5,
       Rope::kDefault,
       1e8,
       false,
       false,
       false,
       kNone,
       kBf16},
      {"mistral-7b-instruct-v0.3.json",
       {32768, 4096, 14336, 32, 32, 8, 128},
       1e-5,
       Rope::kDefault,
       1e6,
       false,
       false,
       false,
       kNone,
       kBf16},
      {"mistral-7b-v0.1-derived.json",
       {32000, 4096, 14336, 32, 32, 8, 128},
       1e-5,
       Rope::kDefault,
       1e4,
       false,
       false,
       false,
       4096,
       kF32},
      {"mistral-tiny-sw1024.json",
       {32002, 312, 1092, 10, 12, 4, 26},
       1e-6,
       Rope::kDefault,
       1e4,
       false,
       false,
       false,
       1024,
       kF32},
      {"qwen2-1.5b-instruct.json",
       {151936, 1536, 8960, 28, 12, 2, 128},
       1e-6,
       Rope::kDefault,
       1e6,
       true,
       false,
       true,
       kNone,
       kBf16},
      {"qwen2-14b-cogito.json",
       {151665, 5120, 13824, 48, 40, 8, 128},
       1e-5,
       Rope::kDefault,
       1e6,
       true,
       false,
       false,
       kNone,
       kBf16},
      {"qwen2.5-7b-instruct.json",
       {152064, 3584, 18944, 28, 28, 4, 128},
       1e-6,
       Rope::kDefault,
       1e6,
       true,
       false,
       false,
       kNone,
       kBf16},
      {"qwen3-8b.json",
       {151936, 4096, 12288, 36, 32, 8, 128},
       1e-6,
       Rope::kDefault,
       1e6,
       false,
       true,
       false,
       kNone,
       kBf16},
      {"qwen3-8b-tf4.57.json",
       {151936, 4096, 12288, 36, 32, 8, 128},
       1e-6,
       Rope::kDefault,
       1e6,
       false,
       true,
       false,
       kNone,
       kF32},
      {"qwen3-rope_parameters-v5.json",
       {151936, 1024, 3072, 28, 16, 8, 128},
       1e-6,
       Rope::kDefault,
       1e6,
       false,
       true,
       true,
       kNone,
       kBf16},
  };
  for (const Published& row : table) expect_published(row);
}

TEST(PublishedConfig, KeepsTheParametersOfItsRopeScaling) {
  KVCOMPARE_SKIP_WITHOUT_ASSETS();
  const auto rope_of = [](const char* file) {
    return read_model_config(*test_assets() / "configs" / file).decoder.ropes[0];
  };
  EXPECT_EQ(rope_of("llama-3.1-8b-instruct.json"), (RopeConfig{Rope::kLlama3, 5e5, 8, 1, 4, 8192}));
  EXPECT_EQ(rope_of("llama-3.2-3b.json"), (RopeConfig{Rope::kLlama3, 5e5, 32, 1, 4, 8192}));
  EXPECT_EQ(rope_of("llama-3-8b-linear-rope.json").factor, 4);
}

TEST(PublishedConfig, IsRefusedByTheKeyThatIsNotSupported) {
  KVCOMPARE_SKIP_WITHOUT_ASSETS();
  struct Refused {
    const char* file;
    const char* key;
    const char* message;
  };
  for (const Refused& row :
       {Refused{"llama-3.1-8b-instruct-fp8kv.json", "quantization_config", "fp8"},
        Refused{"llama-3.1-8b-bnb-int8.json", "quantization_config", "bitsandbytes"},
        Refused{"llama-3.1-8b-bnb-int8-linear-rope.json", "quantization_config", "bitsandbytes"},
        Refused{"qwen3-14b-mlx-4bit.json", "quantization_config", "quantised"},
        Refused{"kvzap-mlp-qwen3-8b.json", "model_type", "kvzap"}}) {
    const auto error =
        error_of<CheckpointError>([&] { read_model_config(*test_assets() / "configs" / row.file); });
    EXPECT_EQ(error.item, row.key) << row.file;
    EXPECT_THAT(error.what(), HasSubstr(row.message));
    EXPECT_THAT(error.file, HasSubstr(row.file));
  }
}

// ---- one change at a time

json base_config(const std::string& model_type) {
  const std::string family = model_type == "llama"     ? "Llama"
                             : model_type == "mistral" ? "Mistral"
                             : model_type == "qwen2"   ? "Qwen2"
                                                       : "Qwen3";
  return {{"model_type", model_type},
          {"architectures", {family + "ForCausalLM"}},
          {"vocab_size", 100},
          {"hidden_size", 64},
          {"intermediate_size", 96},
          {"num_hidden_layers", 2},
          {"num_attention_heads", 8},
          {"num_key_value_heads", 4},
          {"head_dim", 16},
          {"hidden_act", "silu"},
          {"rms_norm_eps", 1e-5},
          {"rope_theta", 20000.0},
          {"max_position_embeddings", 512},
          {"tie_word_embeddings", false},
          {"sliding_window", nullptr}};
}

json with(json config, const json& changes) {
  for (const auto& [key, value] : changes.items()) config[key] = value;
  return config;
}
json without(json config, const std::string& key) {
  config.erase(key);
  return config;
}

ModelConfig read(const json& config) {
  const TemporaryFolder folder;
  return read_model_config(folder.write("config.json", config.dump()));
}

std::string refused_key(const json& config) {
  return error_of<CheckpointError>([&] { read(config); }).item;
}

const std::vector<std::string> kFamilies{"llama", "mistral", "qwen2", "qwen3"};

TEST(ModelConfig, IsReadForEveryFamily) {
  for (const std::string& family : kFamilies) {
    const ModelConfig config = read(base_config(family));
    EXPECT_EQ(config.decoder.family, family);
    EXPECT_EQ(heads_of(config.decoder).head_dim, 16);
    EXPECT_EQ(config.decoder.ropes[0], (RopeConfig{Rope::kDefault, 20000, 1, 1, 1, 0}));
    EXPECT_EQ(config.decoder.layer(1).has_qkv_bias, family == "qwen2");
    EXPECT_EQ(config.decoder.layer(1).qk_norm == QkNorm::kOfEachHead, family == "qwen3");
    EXPECT_EQ(config.decoder.max_position_embeddings, 512);
    EXPECT_EQ(config.stored_dtype, std::nullopt);
  }
}

TEST(ModelConfig, NamesTheRequiredKeyThatIsMissing) {
  for (const char* key : {"model_type", "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers",
                          "num_attention_heads", "max_position_embeddings"})
    for (const std::string& family : kFamilies)
      EXPECT_EQ(refused_key(without(base_config(family), key)), key);
}

TEST(ModelConfig, DefaultsWhatAllFamiliesDefaultAlike) {
  for (const std::string& family : kFamilies) {
    json config = base_config(family);
    for (const char* key :
         {"rope_theta", "rms_norm_eps", "hidden_act", "tie_word_embeddings", "architectures"})
      config.erase(key);
    const ModelConfig read_config = read(config);
    EXPECT_EQ(read_config.decoder.ropes[0].theta, 10000);
    EXPECT_EQ(read_config.decoder.norm.epsilon, 1e-6);
    EXPECT_FALSE(read_config.decoder.has_tied_head);
  }
}

TEST(ModelConfig, RefusesAMissingKeyWhoseDefaultDiffersBetweenFamilies) {
  EXPECT_EQ(read(without(base_config("llama"), "num_key_value_heads")).decoder.layer(0).heads.n_kv_heads, 8);
  for (const char* family : {"mistral", "qwen2", "qwen3"})
    EXPECT_EQ(refused_key(without(base_config(family), "num_key_value_heads")), "num_key_value_heads");
  for (const char* family : {"llama", "mistral", "qwen2"})
    EXPECT_EQ(read(without(base_config(family), "head_dim")).decoder.layer(0).heads.head_dim, 8);
  EXPECT_EQ(refused_key(without(base_config("qwen3"), "head_dim")), "head_dim");
}

TEST(ModelConfig, TakesANullNumberOfKvHeadsForTheNumberOfHeads) {
  for (const std::string family : {"llama", "qwen2", "qwen3"})
    EXPECT_EQ(
        read(with(base_config(family), {{"num_key_value_heads", nullptr}})).decoder.layer(0).heads.n_kv_heads,
        8);
  EXPECT_EQ(refused_key(with(base_config("mistral"), {{"num_key_value_heads", nullptr}})),
            "num_key_value_heads");
}

TEST(ModelConfig, RefusesAWrongTypeByKey) {
  const json wrong{{"vocab_size", "100"},
                   {"hidden_size", 64.5},
                   {"num_hidden_layers", true},
                   {"num_attention_heads", -8},
                   {"head_dim", 0},
                   {"num_key_value_heads", "4"},
                   {"rms_norm_eps", "1e-5"},
                   {"rope_theta", "20000"},
                   {"hidden_act", 3},
                   {"tie_word_embeddings", "no"},
                   {"model_type", 7},
                   {"intermediate_size", 18446744073709551615U},
                   {"max_position_embeddings", json::array()},
                   {"rope_scaling", "linear"},
                   {"torch_dtype", 16}};
  for (const auto& [key, value] : wrong.items())
    EXPECT_EQ(refused_key(with(base_config("llama"), {{key, value}})), key);
}

TEST(ModelConfig, RefusesSizesThatDoNotFitEachOther) {
  EXPECT_EQ(refused_key(with(base_config("llama"), {{"num_key_value_heads", 3}})), "num_key_value_heads");
  EXPECT_EQ(refused_key(with(base_config("llama"), {{"num_key_value_heads", 16}})), "num_key_value_heads");
  EXPECT_EQ(refused_key(with(base_config("llama"), {{"head_dim", 15}})), "head_dim");
  EXPECT_EQ(refused_key(with(without(base_config("llama"), "head_dim"), {{"hidden_size", 68}})),
            "hidden_size");
  EXPECT_EQ(refused_key(with(base_config("llama"), {{"rms_norm_eps", -1e-6}})), "rms_norm_eps");
}

TEST(ModelConfig, RefusesAnotherActivation) {
  for (const char* name : {"gelu", "relu", "gelu_pytorch_tanh"}) {
    EXPECT_EQ(refused_key(with(base_config("llama"), {{"hidden_act", name}})), "hidden_act");
    EXPECT_EQ(refused_key(with(base_config("llama"), {{"hidden_activation", name}})), "hidden_activation");
  }
}

TEST(ModelConfig, RefusesAnotherFamilyOrArchitecture) {
  EXPECT_EQ(refused_key(with(base_config("llama"), {{"model_type", "gemma4"}})), "model_type");
  EXPECT_EQ(refused_key(with(base_config("llama"), {{"architectures", {"MistralForCausalLM"}}})),
            "architectures");
  EXPECT_EQ(refused_key(with(base_config("llama"), {{"architectures", {"LlamaModel"}}})), "architectures");
  EXPECT_EQ(refused_key(with(base_config("qwen2"), {{"architectures", {"Qwen2ForSequenceClassification"}}})),
            "architectures");
}

TEST(ModelConfig, RefusesQuantisedWeights) {
  for (const char* key : {"quantization_config", "quantization", "compression_config"}) {
    EXPECT_EQ(refused_key(with(base_config("llama"), {{key, {{"quant_method", "gptq"}}}})), key);
    EXPECT_NO_THROW(read(with(base_config("llama"), {{key, nullptr}})));
  }
  EXPECT_EQ(refused_key(with(base_config("llama"), {{"torch_dtype", "float8_e4m3fn"}})), "torch_dtype");
}

TEST(ModelConfig, RefusesKeysOfOtherModels) {
  const json others{{"partial_rotary_factor", 0.5},
                    {"attention_chunk_size", 8192},
                    {"final_logit_softcapping", 30.0},
                    {"attn_logit_softcapping", 50.0},
                    {"logit_scale", 0.0625},
                    {"embedding_multiplier", 12.0},
                    {"no_rope_layers", {1, 0}},
                    {"use_qk_norm", true},
                    {"num_experts", 8},
                    {"clip_qkv", 8.0},
                    {"per_layer_config", {{"0", {{"sliding_window", 4}}}}},
                    {"use_bidirectional_attention", true},
                    {"embedding_scale", 2.0},
                    {"is_encoder_decoder", true},
                    {"rope_traditional", true}};
  for (const auto& [key, value] : others.items()) {
    EXPECT_EQ(refused_key(with(base_config("llama"), {{key, value}})), key);
    EXPECT_NO_THROW(read(with(base_config("llama"), {{key, nullptr}})));
  }
  EXPECT_NO_THROW(read(with(base_config("llama"), {{"partial_rotary_factor", 1.0}})));
}

TEST(ModelConfig, PutsBiasesWhereTheFamilyHasThem) {
  const auto layer_of = [](const json& config) { return read(config).decoder.layer(1); };
  const auto llama = layer_of(with(base_config("llama"), {{"attention_bias", true}, {"mlp_bias", true}}));
  EXPECT_TRUE(llama.has_qkv_bias && llama.has_o_bias && llama.mlp.has_bias);
  const auto qwen3 = layer_of(with(base_config("qwen3"), {{"attention_bias", true}}));
  EXPECT_TRUE(qwen3.has_qkv_bias && qwen3.has_o_bias && !qwen3.mlp.has_bias);
  const auto qwen2 = layer_of(with(base_config("qwen2"), {{"attention_bias", false}}));
  EXPECT_TRUE(qwen2.has_qkv_bias && !qwen2.has_o_bias);
  EXPECT_EQ(refused_key(with(base_config("mistral"), {{"attention_bias", true}})), "attention_bias");
  EXPECT_EQ(refused_key(with(base_config("qwen3"), {{"mlp_bias", true}})), "mlp_bias");
}

// Of the first layer that slides beside layers that do not.
std::optional<std::int64_t> own_window(const ModelConfig& config) {
  for (const auto& layer : config.decoder.layers)
    if (!layer.evicts) return layer.window;
  return std::nullopt;
}

TEST(ModelConfig, CountsASlidingWindowWhereTheFamilyUsesIt) {
  EXPECT_EQ(read(with(base_config("mistral"), {{"sliding_window", 128}})).sliding_window, 128);
  for (const char* family : {"qwen2", "qwen3"}) {
    const json window = with(base_config(family), {{"sliding_window", 128}});
    EXPECT_EQ(read(window).sliding_window, std::nullopt);
    EXPECT_EQ(read(with(window, {{"use_sliding_window", false}})).sliding_window, std::nullopt);
    const json in_use = with(window, {{"use_sliding_window", true}, {"max_window_layers", 1}});
    EXPECT_EQ(read(in_use).sliding_window, std::nullopt);
    EXPECT_EQ(own_window(read(in_use)), 128);
    EXPECT_EQ(own_window(read(without(in_use, "sliding_window"))), 4096);
  }
  // The default of transformers: a longer sample is refused, a shorter one is computed right either way.
  EXPECT_EQ(read(without(base_config("mistral"), "sliding_window")).sliding_window, 4096);
  EXPECT_EQ(read(with(base_config("mistral"), {{"sliding_window", nullptr}})).sliding_window, std::nullopt);
  EXPECT_EQ(read(without(base_config("llama"), "sliding_window")).sliding_window, std::nullopt);
  EXPECT_EQ(refused_key(with(base_config("mistral"), {{"sliding_window", 0}})), "sliding_window");
}

TEST(ModelConfig, RefusesLayersOfAnotherKind) {
  EXPECT_NO_THROW(read(with(base_config("qwen3"), {{"layer_types", {"full_attention", "full_attention"}}})));
  EXPECT_EQ(
      refused_key(with(base_config("qwen3"), {{"layer_types", {"full_attention", "linear_attention"}}})),
      "layer_types");
  EXPECT_EQ(refused_key(with(base_config("qwen3"), {{"layer_types", {"full_attention"}}})), "layer_types");
}

// The same two layers, told by old and by new keys. Source: configuration_qwen2.py of transformers 5.24.
TEST(ModelConfig, HasNoWindowWhereNoLayerSlides) {
  for (const char* family : {"qwen2", "qwen3"}) {
    const json window = with(base_config(family), {{"sliding_window", 32}, {"use_sliding_window", true}});
    EXPECT_EQ(read(window).sliding_window, std::nullopt) << "28 is the default of max_window_layers";
    EXPECT_EQ(read(with(window, {{"max_window_layers", 2}})).sliding_window, std::nullopt);
    EXPECT_EQ(own_window(read(with(window, {{"max_window_layers", 1}}))), 32);
    EXPECT_EQ(read(with(window, {{"max_window_layers", 0}})).sliding_window, 32);
    EXPECT_EQ(refused_key(with(window, {{"max_window_layers", nullptr}})), "max_window_layers");
    const auto types = [&](const char* first, const char* second) {
      return with(window, {{"max_window_layers", 0}, {"layer_types", {first, second}}});
    };
    EXPECT_EQ(read(types("full_attention", "full_attention")).sliding_window, std::nullopt);
    EXPECT_EQ(own_window(read(types("full_attention", "sliding_attention"))), 32);
    for (const json& off : {json{{"use_sliding_window", false}}, json{{"sliding_window", nullptr}}})
      EXPECT_EQ(refused_key(with(types("full_attention", "sliding_attention"), off)), "layer_types");
  }
  EXPECT_EQ(
      refused_key(with(base_config("llama"),
                       {{"sliding_window", 32}, {"layer_types", {"full_attention", "sliding_attention"}}})),
      "layer_types");
}

TEST(ModelConfig, RefusesWhatIsNotCausal) {
  for (const char* family : {"llama", "mistral", "qwen2", "qwen3"}) {
    EXPECT_NO_THROW(read(with(base_config(family), {{"is_causal", true}})));
    EXPECT_EQ(refused_key(with(base_config(family), {{"is_causal", false}})), "is_causal");
    EXPECT_EQ(refused_key(with(base_config(family), {{"is_causal", nullptr}})), "is_causal");
  }
}

TEST(ModelConfig, RefusesAnAdapterBesideTheWeights) {
  const TemporaryFolder folder;
  const auto config = folder.write("config.json", base_config("llama").dump());
  EXPECT_NO_THROW(read_model_config(config));
  folder.write("adapter_config.json", R"({"peft_type": "LORA"})");
  const auto error = error_of<CheckpointError>([&] { read_model_config(config); });
  EXPECT_THAT(error.what(), AllOf(HasSubstr("adapter_config.json"), HasSubstr("merge_and_unload")));
}

TEST(ModelConfig, NamesAGitLfsPointer) {
  const TemporaryFolder folder;
  const auto file =
      folder.write("config.json", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 123\n");
  EXPECT_THAT(error_of<CheckpointError>([&] { read_model_config(file); }).what(),
              AllOf(HasSubstr("config.json"), HasSubstr("Git LFS pointer"), HasSubstr("git lfs pull")));
}

TEST(ModelConfig, PrefersTheNewerDtypeKey) {
  EXPECT_EQ(read(with(base_config("llama"), {{"dtype", "float16"}, {"torch_dtype", "float32"}})).stored_dtype,
            Dtype::kFloat16);
  EXPECT_EQ(read(with(base_config("llama"), {{"torch_dtype", "torch.bfloat16"}})).stored_dtype,
            Dtype::kBFloat16);
  EXPECT_EQ(read(with(base_config("llama"), {{"torch_dtype", "auto"}})).stored_dtype, std::nullopt);
}

TEST(ModelConfig, RefusesAFileThatIsNoJsonObject) {
  const TemporaryFolder folder;
  for (const char* text : {"", "[]", "{", "{} x", "{\"a\": \xff}"}) {
    const auto file = folder.write("config.json", text);
    EXPECT_THAT(error_of<CheckpointError>([&] { read_model_config(file); }).file, HasSubstr("config.json"))
        << text;
  }
  EXPECT_THROW(read_model_config(folder.write("config.json", std::string("{}\0x", 4))), CheckpointError);
  EXPECT_THROW(read_model_config(folder.write("config.json", "{\"a\":" + std::string(1'000'000, '['))),
               CheckpointError);
  EXPECT_THAT(error_of<CheckpointError>([&] { read_model_config(folder.path() / "none.json"); }).what(),
              HasSubstr("cannot be opened"));
}

// ---- RoPE

json rope_config(const json& changes) { return with(without(base_config("llama"), "rope_theta"), changes); }

const json kLlama3{{"rope_type", "llama3"},
                   {"factor", 8.0},
                   {"low_freq_factor", 1.0},
                   {"high_freq_factor", 4.0},
                   {"original_max_position_embeddings", 256}};

TEST(RopeConfig, IsTheSameInBothLayouts) {
  const RopeConfig expected{Rope::kLlama3, 5000, 8, 1, 4, 256};
  EXPECT_EQ(read(rope_config({{"rope_theta", 5000}, {"rope_scaling", kLlama3}})).decoder.ropes[0], expected);
  EXPECT_EQ(read(rope_config({{"rope_parameters", with(kLlama3, {{"rope_theta", 5000}})}})).decoder.ropes[0],
            expected);
  EXPECT_EQ(read(rope_config({{"rope_theta", 5000}, {"rope_scaling", kLlama3}, {"rope_parameters", kLlama3}}))
                .decoder.ropes[0],
            expected);
  EXPECT_EQ(read(rope_config({{"rope_theta", 5000}, {"rope_scaling", {{"type", "linear"}, {"factor", 4}}}}))
                .decoder.ropes[0],
            (RopeConfig{Rope::kLinear, 5000, 4, 1, 1, 0}));
  EXPECT_EQ(read(rope_config({{"rope_parameters", {{"rope_theta", 5000}}}})).decoder.ropes[0].theta, 5000);
  EXPECT_EQ(read(rope_config({{"rope_scaling", nullptr}})).decoder.ropes[0].theta, 10000);
}

TEST(RopeConfig, RefusesContradictions) {
  EXPECT_EQ(refused_key(rope_config({{"rope_theta", 5000},
                                     {"rope_parameters", {{"rope_theta", 6000}, {"rope_type", "default"}}}})),
            "rope_parameters.rope_theta");
  EXPECT_EQ(refused_key(rope_config(
                {{"rope_scaling", {{"type", "linear"}, {"rope_type", "llama3"}, {"factor", 4}}}})),
            "rope_scaling.rope_type");
  EXPECT_EQ(
      refused_key(rope_config({{"rope_scaling", {{"type", "linear"}, {"factor", 4}}},
                               {"rope_parameters", {{"rope_type", "default"}, {"rope_theta", 10000}}}})),
      "rope_scaling");
  EXPECT_EQ(refused_key(rope_config({{"original_max_position_embeddings", 128}, {"rope_scaling", kLlama3}})),
            "original_max_position_embeddings");
}

TEST(RopeConfig, RefusesOtherTypesByName) {
  for (const char* type : {"su", "mrope", "proportional"}) {
    const auto error = error_of<CheckpointError>([&] {
      read(rope_config({{"rope_scaling", {{"rope_type", type}, {"factor", 2}}}}));
    });
    EXPECT_EQ(error.item, "rope_scaling.rope_type");
    EXPECT_THAT(error.what(), HasSubstr(type));
  }
}

TEST(RopeConfig, RefusesParametersThatItWouldIgnore) {
  EXPECT_EQ(refused_key(
                rope_config({{"rope_scaling", {{"rope_type", "linear"}, {"factor", 2}, {"beta_fast", 32}}}})),
            "rope_scaling.beta_fast");
  EXPECT_EQ(refused_key(rope_config(
                {{"rope_parameters", {{"rope_type", "default"}, {"partial_rotary_factor", 0.5}}}})),
            "rope_parameters.partial_rotary_factor");
  EXPECT_EQ(refused_key(rope_config({{"rope_scaling", {{"factor", 2}}}})), "rope_scaling.rope_type");
  EXPECT_EQ(refused_key(rope_config({{"rope_parameters", {{"full_attention", {{"rope_type", "default"}}}}}})),
            "rope_parameters.full_attention");
}

// Python's json.dumps writes Infinity.
TEST(ModelConfig, AcceptsNumbersThatAreNotFiniteWhereNobodyReadsThem) {
  const TemporaryFolder folder;
  const auto text = base_config("llama").dump();
  const auto with_first = [&](const std::string& member) {
    return folder.write("config.json", "{" + member + ", " + text.substr(1));
  };
  EXPECT_EQ(read_model_config(with_first(R"("time_step_limit": [0.0, Infinity, NaN, 1e999])"))
                .decoder.layer(0)
                .heads.head_dim,
            16);
  const auto refused = folder.write(
      "config.json", R"({"rope_parameters": {"rope_type": "default", "rope_theta": Infinity}, )" +
                         without(base_config("llama"), "rope_theta").dump().substr(1));
  EXPECT_EQ(error_of<CheckpointError>([&] { read_model_config(refused); }).item,
            "rope_parameters.rope_theta");
}

TEST(RopeConfig, RefusesANullTheta) {
  EXPECT_EQ(refused_key(rope_config({{"rope_theta", nullptr}})), "rope_theta");
  EXPECT_EQ(
      refused_key(rope_config({{"rope_parameters", {{"rope_theta", nullptr}, {"rope_type", "default"}}}})),
      "rope_parameters.rope_theta");
  EXPECT_EQ(read(rope_config(json::object())).decoder.ropes[0].theta, 10000);
}

TEST(RopeConfig, NamesTheParameterThatIsMissingOrOutOfRange) {
  EXPECT_EQ(refused_key(rope_config({{"rope_scaling", {{"type", "linear"}}}})), "rope_scaling.factor");
  EXPECT_EQ(refused_key(rope_config({{"rope_scaling", {{"type", "linear"}, {"factor", 0}}}})),
            "rope_scaling.factor");
  EXPECT_EQ(refused_key(rope_config({{"rope_theta", 0}})), "rope_theta");
  for (const char* key :
       {"factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"})
    EXPECT_EQ(refused_key(rope_config({{"rope_scaling", without(kLlama3, key)}})),
              std::string("rope_scaling.") + key);
  EXPECT_EQ(refused_key(rope_config({{"rope_scaling", with(kLlama3, {{"high_freq_factor", 1}})}})),
            "rope_scaling.high_freq_factor");
}

}  // namespace
}  // namespace kvcompare
