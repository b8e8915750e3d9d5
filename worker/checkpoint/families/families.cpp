#include <array>
#include <set>
#include <string>

#include "worker/checkpoint/families/family.h"
#include "worker/checkpoint/families/json_config_keys.h"

namespace kvcompare {
namespace {

constexpr std::string_view kBeyondWindow =
    "samples longer than a sliding window that is in use, but for the baseline alone: evicting there is not "
    "defined";

constexpr std::array<Family, 25> kFamilies{{
    {"apertus", "ApertusForCausalLM", "Apertus", read_apertus},
    {"arcee", "ArceeForCausalLM", "Arcee AFM", read_arcee},
    {"cohere2", "Cohere2ForCausalLM", "Command R7B, Command A", read_cohere2},
    {"ernie4_5", "Ernie4_5ForCausalLM", "ERNIE 4.5 without experts", read_ernie4_5},
    {"exaone4", "Exaone4ForCausalLM", "EXAONE 4.0", read_exaone4},
    {"gemma", "GemmaForCausalLM", "Gemma, CodeGemma", read_gemma},
    {"gemma2", "Gemma2ForCausalLM", "Gemma 2", read_gemma2},
    {"gemma3", "Gemma3ForConditionalGeneration",
     "Gemma 3 with images, of which the language model is computed", read_gemma3_text, "images", true},
    {"gemma3_text", "Gemma3ForCausalLM", "Gemma 3 of text alone", read_gemma3_text},
    {"glm4", "Glm4ForCausalLM", "GLM-4-0414", read_glm4},
    {"gpt_oss", "GptOssForCausalLM", "gpt-oss in bfloat16", read_gpt_oss},
    {"granite", "GraniteForCausalLM", "Granite 3", read_granite},
    {"llama", "LlamaForCausalLM", "Llama 1 to 3.3, TinyLlama, SmolLM2, Yi, DeepSeek-R1-Distill-Llama",
     read_llama},
    {"ministral3", "Ministral3ForCausalLM", "Ministral 3", read_ministral3,
     "expected_attention of samples longer than original_max_position_embeddings where "
     "llama_4_scaling_beta is not 0: the model scales queries there by their position, and what the method "
     "expects of them is not defined. Samples longer than a sliding window that is in use, but for the "
     "baseline alone"},
    {"mistral", "MistralForCausalLM", "Mistral 7B, Mistral Nemo, Mistral Small", read_mistral, kBeyondWindow},
    {"mixtral", "MixtralForCausalLM", "Mixtral", read_mixtral, kBeyondWindow},
    {"olmo2", "Olmo2ForCausalLM", "OLMo 2", read_olmo2},
    {"olmo3", "Olmo3ForCausalLM", "OLMo 3", read_olmo3},
    {"phi3", "Phi3ForCausalLM", "Phi-3, Phi-3.5, Phi-4", read_phi3, kBeyondWindow},
    {"qwen2", "Qwen2ForCausalLM", "Qwen2, Qwen2.5, QwQ, DeepSeek-R1-Distill-Qwen", read_qwen2, kBeyondWindow},
    {"qwen3", "Qwen3ForCausalLM", "Qwen3 without experts", read_qwen3, kBeyondWindow},
    {"qwen3_moe", "Qwen3MoeForCausalLM", "Qwen3 with experts", read_qwen3_moe, kBeyondWindow},
    {"seed_oss", "SeedOssForCausalLM", "Seed-OSS", read_seed_oss},
    {"smollm3", "SmolLM3ForCausalLM", "SmolLM3", read_smollm3, kBeyondWindow},
    {"starcoder2", "Starcoder2ForCausalLM", "StarCoder2", read_starcoder2, kBeyondWindow},
}};

}  // namespace

std::span<const Family> families() { return kFamilies; }

// Asks the family to read a small model.
std::set<std::string> keys_of(const Family& family) {
  const JsonObject config({{"vocab_size", 8},
                           {"hidden_size", 32},
                           {"intermediate_size", 8},
                           {"num_hidden_layers", 1},
                           {"num_attention_heads", 2},
                           {"num_key_value_heads", 2},
                           {"head_dim", 16},
                           {"max_position_embeddings", 8}},
                          "config.json");
  ConfigKeys keys(config);
  family.read(keys);
  return keys.asked_for();
}

}  // namespace kvcompare
