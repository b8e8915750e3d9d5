// A family of models: how its config.json becomes the description of a decoder. Each has a file of its own in
// this folder. Source of all keys, defaults and equations: configuration_*.py and modeling_*.py of
// transformers 5.23; of llama, mistral, qwen2 and qwen3 those since 4.28.
#pragma once

#include <set>
#include <span>
#include <string>
#include <string_view>

#include "worker/checkpoint/model_config.h"

namespace kvcompare {

class ConfigKeys;

struct Family {
  std::string_view model_type;
  std::string_view architecture;
  std::string_view models;                // for people: "Phi-3, Phi-3.5, Phi-4"
  ModelConfig (*read)(ConfigKeys& keys);  // without what all families have in common
  std::string_view refused{};             // what of the family is refused, and why
  bool has_text_config = false;           // the keys are those of text_config, and the tensors of a part
};

// All of them, by model_type.
std::span<const Family> families();

// The keys of config.json that the family reads, besides model_type, architectures and dtype.
std::set<std::string> keys_of(const Family& family);

ModelConfig read_apertus(ConfigKeys& keys);
ModelConfig read_arcee(ConfigKeys& keys);
ModelConfig read_cohere2(ConfigKeys& keys);
ModelConfig read_ernie4_5(ConfigKeys& keys);
ModelConfig read_exaone4(ConfigKeys& keys);
ModelConfig read_gemma(ConfigKeys& keys);
ModelConfig read_gemma2(ConfigKeys& keys);
ModelConfig read_gemma3_text(ConfigKeys& keys);
ModelConfig read_glm4(ConfigKeys& keys);
ModelConfig read_gpt_oss(ConfigKeys& keys);
ModelConfig read_granite(ConfigKeys& keys);
ModelConfig read_llama(ConfigKeys& keys);
ModelConfig read_ministral3(ConfigKeys& keys);
ModelConfig read_mistral(ConfigKeys& keys);
ModelConfig read_mixtral(ConfigKeys& keys);
ModelConfig read_olmo2(ConfigKeys& keys);
ModelConfig read_olmo3(ConfigKeys& keys);
ModelConfig read_phi3(ConfigKeys& keys);
ModelConfig read_qwen2(ConfigKeys& keys);
ModelConfig read_qwen3(ConfigKeys& keys);
ModelConfig read_qwen3_moe(ConfigKeys& keys);
ModelConfig read_seed_oss(ConfigKeys& keys);
ModelConfig read_smollm3(ConfigKeys& keys);
ModelConfig read_starcoder2(ConfigKeys& keys);

}  // namespace kvcompare
