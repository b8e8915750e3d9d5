#include "tests/support/tiny_model_config.h"

#include <nlohmann/json.hpp>

namespace kvcompare {
namespace {

using nlohmann::json;

struct Family {
  std::string model_type;
  std::string architecture;
};

Family family_of(TinyArch arch) {
  switch (arch) {
    case TinyArch::kLlama:
      return {"llama", "LlamaForCausalLM"};
    case TinyArch::kQwen2:
      return {"qwen2", "Qwen2ForCausalLM"};
    case TinyArch::kQwen3:
      return {"qwen3", "Qwen3ForCausalLM"};
    case TinyArch::kMistral:
      break;
  }
  return {"mistral", "MistralForCausalLM"};
}

std::string torch_name(Storage storage) {
  return storage == Storage::kF32 ? "float32" : storage == Storage::kBF16 ? "bfloat16" : "float16";
}

json rope_scaling(TinyRope rope) {
  switch (rope) {
    case TinyRope::kDefault:
      return nullptr;
    case TinyRope::kLinear:
      return {{"type", "linear"}, {"factor", 4.0}};
    case TinyRope::kLlama3:
      break;
  }
  return {{"rope_type", "llama3"},
          {"factor", 8.0},
          {"low_freq_factor", 1.0},
          {"high_freq_factor", 4.0},
          {"original_max_position_embeddings", 64}};
}

void add_family_keys(json& config, const TinyModelSpec& spec) {
  const bool biased = spec.bias == TinyBias::kEverywhere;
  if (spec.arch == TinyArch::kLlama) {
    config["attention_bias"] = biased;
    config["mlp_bias"] = biased;
  }
  if (spec.arch == TinyArch::kQwen3) config["attention_bias"] = false;
  if (spec.arch == TinyArch::kMistral) config["sliding_window"] = 512;
  if (spec.arch == TinyArch::kQwen2 || spec.arch == TinyArch::kQwen3) {
    config["sliding_window"] = 8;  // must have no effect
    config["use_sliding_window"] = false;
    config["max_window_layers"] = spec.layers;
  }
}

void add_rope_keys(json& config, const TinyModelSpec& spec) {
  const double theta = spec.arch == TinyArch::kMistral ? 10000.0 : 500000.0;
  if (spec.rope_keys == RopeKeys::kRopeScaling) {
    config["rope_theta"] = theta;
    config["rope_scaling"] = rope_scaling(spec.rope);
    return;
  }
  json parameters =
      spec.rope == TinyRope::kDefault ? json{{"rope_type", "default"}} : rope_scaling(spec.rope);
  parameters["rope_theta"] = theta;
  config["rope_parameters"] = parameters;
}

}  // namespace

std::string tiny_model_config(const TinyModelSpec& spec) {
  const Family family = family_of(spec.arch);
  json config = {
      {"architectures", {family.architecture}},
      {"model_type", family.model_type},
      {"vocab_size", spec.vocab},
      {"hidden_size", spec.hidden},
      {"intermediate_size", spec.intermediate},
      {"num_hidden_layers", spec.layers},
      {"num_attention_heads", spec.heads},
      {"num_key_value_heads", spec.kv_heads},
      {"hidden_act", "silu"},
      {"rms_norm_eps", spec.arch == TinyArch::kLlama ? 1e-5 : 1e-6},
      {"max_position_embeddings", 2048},
      {"tie_word_embeddings", spec.head == TinyHead::kTied},
      {"bos_token_id", 1},
      {"eos_token_id", 2},
      {spec.rope_keys == RopeKeys::kRopeScaling ? "torch_dtype" : "dtype", torch_name(spec.storage)}};
  if (spec.head_dim * spec.heads != spec.hidden) config["head_dim"] = spec.head_dim;
  add_family_keys(config, spec);
  add_rope_keys(config, spec);
  return config.dump(1) + "\n";
}

std::string tiny_scorer_config(const TinyModelSpec& spec) {
  const json config = {
      {"architectures", {"KVzapModel"}},
      {"model_type", "kvzap"},
      {"input_dim", spec.hidden},
      {"output_dim", spec.kv_heads},
      {"hidden_dim", spec.scorer == TinyScorer::kMlp ? json(kTinyScorerHidden) : json(nullptr)},
      {"n_modules", spec.layers},
      {"torch_dtype", torch_name(spec.storage)}};
  return config.dump(1) + "\n";
}

}  // namespace kvcompare
