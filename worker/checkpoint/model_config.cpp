#include "worker/checkpoint/model_config.h"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>
#include <utility>

#include "common/errors.h"
#include "worker/checkpoint/families/family.h"
#include "worker/checkpoint/families/json_config_keys.h"
#include "worker/checkpoint/families/sliding_keys.h"
#include "worker/checkpoint/json_object.h"

namespace kvcompare {
namespace {

std::string names_of_families() {
  std::string names;
  for (const auto& family : families()) names += (names.empty() ? "" : ", ") + std::string(family.model_type);
  return names;
}

const Family& read_family(const JsonObject& config) {
  const std::string accepted = "; accepted: " + names_of_families() + " (kvcompare models)";
  if (!config.has_value("model_type")) config.refuse("model_type", "is missing" + accepted);
  const std::string name = config.text("model_type");
  const auto family = std::ranges::find(families(), name, &Family::model_type);
  if (family == families().end()) config.refuse("model_type", "'" + name + "' is not supported" + accepted);
  if (!config.has_value("architectures")) return *family;
  const nlohmann::json& architectures = config.json().at("architectures");
  const std::string expected =
      "; with model_type " + name + " expected [\"" + std::string(family->architecture) + "\"]";
  if (!architectures.is_array() || architectures.size() != 1)
    config.refuse("architectures", "is " + describe(architectures) + expected);
  if (architectures[0] != family->architecture)
    config.refuse("architectures", "holds " + describe(architectures[0]) + expected);
  return *family;
}

void refuse_quantised(const JsonObject& config) {
  for (const std::string key :
       {"quantization_config", "quantization", "quantize_config", "compression_config"}) {
    if (!config.has_value(key)) continue;
    const nlohmann::json& value = config.json().at(key);
    std::string method;
    if (value.is_object() && value.contains("quant_method") && value["quant_method"].is_string())
      method = " (" + value["quant_method"].get<std::string>() + ")";
    std::string remedy = "use the original weights in float32, bfloat16 or float16";
    if (method == " (mxfp4)")
      remedy =
          "make a checkpoint in bfloat16 of it (in Python, with transformers: "
          "AutoModelForCausalLM.from_pretrained(folder, dtype=\"bfloat16\", "
          "quantization_config=Mxfp4Config(dequantize=True)).save_pretrained(new_folder))";
    config.refuse(key, "quantised checkpoints are not supported" + method + "; " + remedy);
  }
}

// transformers reads null as false: such a model sees later tokens.
void refuse_not_causal(const JsonObject& config) {
  if (config.has_key("is_causal") && config.json().at("is_causal") != true)
    config.refuse("is_causal", "is " + describe(config.json().at("is_causal")) +
                                   ": such a model's tokens see later ones; accepted: true, or no such key");
}

bool is_neutral(const nlohmann::json& value, const nlohmann::json& neutral) {
  return value.is_null() || value == neutral;
}

// A key that changes the computation of some family.
struct OtherKey {
  const char* key;
  nlohmann::json neutral;  // value with which the key changes nothing
};

// Keys that the family does not have. transformers ignores them there; whoever writes one means another
// model.
void refuse_other_models(const JsonObject& config, const std::set<std::string>& keys_of_family) {
  const std::array<OtherKey, 61> other_keys{{
      {"partial_rotary_factor", 1},
      {"rotary_pct", 1},
      {"attention_chunk_size", nullptr},
      {"per_layer_config", nullptr},
      {"no_rope_layers", nullptr},
      {"no_rope_layer_interval", nullptr},
      {"attn_logit_softcapping", nullptr},
      {"final_logit_softcapping", nullptr},
      {"logit_softcap", nullptr},
      {"query_pre_attn_scalar", nullptr},
      {"logit_scale", 1},
      {"logits_scaling", 1},
      {"attention_multiplier", nullptr},
      {"embedding_multiplier", 1},
      {"residual_multiplier", 1},
      {"scale_emb", 1},
      {"scale_depth", nullptr},
      {"num_experts", nullptr},
      {"num_local_experts", nullptr},
      {"text_config", nullptr},
      {"vision_config", nullptr},
      {"alibi", false},
      {"use_alibi", false},
      {"parallel_attn", false},
      {"use_parallel_residual", false},
      {"is_encoder_decoder", false},
      {"add_cross_attention", false},
      {"use_bidirectional_attention", false},
      {"prefix_lm", false},
      {"pruned_heads", nlohmann::json::object()},
      {"rotary_dim", nullptr},
      {"rope_pct", 1},
      {"rope_interleaved", false},
      {"rope_traditional", false},
      {"rope_local_base_freq", nullptr},
      {"rope_ntk_alpha", nullptr},
      {"use_mrope", false},
      {"use_logn_attn", false},
      {"use_dynamic_ntk", false},
      {"sliding_window_pattern", nullptr},
      {"clip_qkv", nullptr},
      {"attn_logit_cap", nullptr},
      {"logit_soft_cap", nullptr},
      {"qk_layernorm", false},
      {"attention_sink", nullptr},
      {"use_attention_sinks", false},
      {"attn_output_gate", false},
      {"attn_temperature_tuning", false},
      {"attn_scale", nullptr},
      {"attention_temperature", nullptr},
      {"attention_scale", nullptr},
      {"embedding_scale", 1},
      {"scale_embeddings", false},
      {"normalize_embedding", false},
      {"residual_scale", 1},
      {"lm_head_multiplier", 1},
      {"key_multiplier", 1},
      {"mup_width_multiplier", 1},
      {"norm_unit_offset", false},
      {"n_routed_experts", nullptr},
      {"kv_lora_rank", nullptr},
  }};
  for (const auto& [key, neutral] : other_keys)
    if (!keys_of_family.contains(key) && config.has_value(key) && !is_neutral(config.json().at(key), neutral))
      config.refuse(key, "is not part of " + config.text("model_type") + " models and would be ignored");
}

// Of a language model that is a part of a larger model. The larger one says whether the head is tied.
JsonObject text_config(const JsonObject& whole) {
  auto text = whole.object("text_config").json();
  const std::string tied = "tie_word_embeddings";
  const bool is_tied = !whole.has_key(tied) || whole.boolean(tied);
  if (text.contains(tied) && text[tied] != is_tied)
    whole.refuse("text_config." + tied, "is " + describe(text[tied]) + ", but transformers reads the " +
                                            tied + " outside of text_config, which is " +
                                            (is_tied ? "true" : "false") +
                                            (whole.has_key(tied) ? "" : " by default"));
  text[tied] = is_tied;
  if (!text.contains("model_type")) text["model_type"] = whole.text("model_type");
  return JsonObject(std::move(text), whole.file(), "text_config.");
}

std::optional<Dtype> read_stored_dtype(const JsonObject& config) {
  for (const std::string key : {"dtype", "torch_dtype"}) {  // the newer key wins, as in transformers
    if (!config.has_value(key)) continue;
    std::string name = config.text(key);
    if (name == "auto") return std::nullopt;
    constexpr std::string_view kModule = "torch.";
    if (name.starts_with(kModule)) name.erase(0, kModule.size());
    if (name == "half") name = "float16";
    if (name == "float") name = "float32";
    if (name == "double") name = "float64";
    const auto dtype = parse_dtype(name);
    if (!dtype)
      config.refuse(key, "'" + name + "' is not supported; accepted: float64, float32, bfloat16, float16");
    return dtype;
  }
  return std::nullopt;
}

// transformers would add the adapter's weights to those beside it.
void refuse_adapter(const std::filesystem::path& folder) {
  const std::filesystem::path adapter = folder / "adapter_config.json";
  std::error_code ignored;
  if (std::filesystem::exists(adapter, ignored))
    throw CheckpointError(
        adapter.string(), "",
        "an adapter (LoRA) lies beside the weights, and kvcompare would compute without it: "
        "merge it into them (in Python: model.merge_and_unload(), then "
        "save_pretrained(folder)), or remove the adapter's files");
}

}  // namespace

ModelConfig read_model_config(const std::filesystem::path& config_json) {
  refuse_adapter(config_json.parent_path());
  const JsonObject whole = JsonObject::read_file(config_json);
  const Family& family = read_family(whole);
  refuse_quantised(whole);
  const JsonObject config = family.has_text_config ? text_config(whole) : whole;
  refuse_quantised(config);
  refuse_not_causal(config);
  ConfigKeys keys(config);
  auto model = family.read(keys);
  refuse_other_models(config, keys.asked_for());
  if (!keys.asked_for().contains("layer_types")) refuse_unread_layer_types(keys, model.decoder.n_layers());
  model.decoder.family = family.model_type;
  model.decoder.is_part = family.has_text_config;
  model.stored_dtype = read_stored_dtype(config);
  if (!model.stored_dtype) model.stored_dtype = read_stored_dtype(whole);
  return model;
}

}  // namespace kvcompare
