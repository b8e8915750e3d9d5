#include "worker/checkpoint/model_config.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>

#include "common/errors.h"
#include "worker/checkpoint/json_object.h"
#include "worker/checkpoint/json_rope_config.h"

namespace kvcompare {
namespace {

constexpr std::int64_t kMaxSize = std::numeric_limits<std::int32_t>::max();  // products of two fit in 64 bits
constexpr std::int64_t kMaxLayers = 100'000;

// Where the families differ. Source: configuration_*.py and modeling_*.py of transformers 4.28 to 5.23.
struct Family {
  std::string_view model_type;
  std::string_view architecture;
  bool always_has_qkv_bias;
  bool reads_attention_bias;  // bias of q, k, v and o
  bool reads_mlp_bias;
  bool qk_norm;
  bool head_dim_follows_from_hidden_size;      // where head_dim is missing
  bool kv_heads_default_to_heads;              // where num_key_value_heads is missing
  bool window_needs_switch;                    // sliding_window counts only with use_sliding_window
  std::optional<std::int64_t> default_window;  // where the key sliding_window is missing; null is none
};

constexpr std::array<Family, 4> kFamilies{{
    {"llama", "LlamaForCausalLM", false, true, true, false, true, true, false, std::nullopt},
    {"mistral", "MistralForCausalLM", false, false, false, false, true, false, false, 4096},
    {"qwen2", "Qwen2ForCausalLM", true, false, false, false, true, false, true, 4096},
    {"qwen3", "Qwen3ForCausalLM", false, true, false, true, false, false, true, 4096},
}};

const Family& read_family(const JsonObject& config) {
  const std::string accepted = "; accepted: llama, mistral, qwen2, qwen3";
  if (!config.has_value("model_type")) config.refuse("model_type", "is missing" + accepted);
  const std::string name = config.text("model_type");
  const auto family =
      std::find_if(kFamilies.begin(), kFamilies.end(), [&](const Family& f) { return f.model_type == name; });
  if (family == kFamilies.end()) config.refuse("model_type", "'" + name + "' is not supported" + accepted);
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
    config.refuse(key, "quantised checkpoints are not supported" + method +
                           "; use the original weights in float32, bfloat16 or float16");
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

// Keys that change the computation of a related model. The four families do not have them, transformers
// ignores them there; whoever writes one means another model.
void refuse_other_models(const JsonObject& config) {
  struct OtherKey {
    const char* key;
    nlohmann::json neutral;  // value with which the key changes nothing
  };
  const std::array<OtherKey, 60> other_keys{{
      {"partial_rotary_factor", 1},
      {"rotary_pct", 1},
      {"attention_chunk_size", nullptr},
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
    if (config.has_value(key) && !is_neutral(config.json().at(key), neutral))
      config.refuse(key, "is not part of the supported models and would be ignored");
}

void check_activation(const JsonObject& config) {
  for (const std::string key : {"hidden_act", "hidden_activation"}) {
    if (!config.has_key(key)) continue;  // silu in all families
    const std::string name = config.text(key);
    if (name != "silu" && name != "swish")  // two names of the same function
      config.refuse(key, "activation '" + name + "' is not supported; accepted: silu");
  }
}

bool read_switch(const JsonObject& config,
                 const std::string& key) {  // false in all families where it is missing
  return config.has_value(key) && config.boolean(key);
}

// A switch of another family would change the computation: refused if it is on.
bool read_family_switch(const JsonObject& config, const std::string& key, bool family_reads_it,
                        const std::string& model_type) {
  const bool value = read_switch(config, key);
  if (value && !family_reads_it)
    config.refuse(key, "is true, but " + model_type + " models have no such thing");
  return value;
}

std::int64_t read_n_kv_heads(const JsonObject& config, const Family& family, std::int64_t n_heads) {
  const std::string key = "num_key_value_heads";
  if (!config.has_key(key) && !family.kv_heads_default_to_heads)
    config.refuse(
        key, "is missing, and its default is not the same in all model families: write it into the file");
  const std::int64_t n_kv_heads = config.has_value(key) ? config.integer(key, 1, kMaxSize) : n_heads;
  if (n_heads % n_kv_heads != 0)
    config.refuse(
        key, std::to_string(n_kv_heads) + " does not divide num_attention_heads " + std::to_string(n_heads));
  return n_kv_heads;
}

std::int64_t read_head_dim(const JsonObject& config, const Family& family, const ModelConfig& model) {
  std::int64_t head_dim = 0;
  if (config.has_value("head_dim")) {
    head_dim = config.integer("head_dim", 1, kMaxSize / model.n_heads);
  } else if (!family.head_dim_follows_from_hidden_size) {
    config.refuse(
        "head_dim",
        "is missing, and its default is not the same in all model families: write it into the file");
  } else if (model.hidden_size % model.n_heads != 0) {
    config.refuse("hidden_size", std::to_string(model.hidden_size) +
                                     " is no multiple of num_attention_heads " +
                                     std::to_string(model.n_heads) + ", and head_dim is missing");
  } else {
    head_dim = model.hidden_size / model.n_heads;
  }
  if (head_dim % 2 != 0)
    config.refuse("head_dim", std::to_string(head_dim) + " is odd; RoPE needs an even one");
  return head_dim;
}

constexpr const char* kSlidingLayer = "sliding_attention";

// Whether a layer slides by layer_types; absent where the key is.
std::optional<bool> slides_by_layer_types(const JsonObject& config, std::int64_t n_layers) {
  if (!config.has_value("layer_types")) return std::nullopt;
  const nlohmann::json& types = config.json().at("layer_types");
  if (!types.is_array() || types.size() != static_cast<std::size_t>(n_layers))
    config.refuse("layer_types",
                  "expected an array of " + std::to_string(n_layers) + " strings, one for each layer");
  bool slides = false;
  for (const nlohmann::json& type : types) {
    if (type != "full_attention" && type != kSlidingLayer)
      config.refuse("layer_types",
                    "holds " + describe(type) + "; accepted: full_attention, " + kSlidingLayer);
    slides = slides || type == kSlidingLayer;
  }
  return slides;
}

// By the older keys: the layers from max_window_layers on slide.
bool slides_by_max_window_layers(const JsonObject& config, std::int64_t n_layers) {
  constexpr std::int64_t kDefault = 28;  // of qwen2 and qwen3
  const std::string key = "max_window_layers";
  return (config.has_key(key) ? config.integer(key, 0, kMaxSize) : kDefault) < n_layers;
}

std::optional<std::int64_t> read_window_size(const JsonObject& config, const Family& family) {
  if (family.window_needs_switch && !read_switch(config, "use_sliding_window")) return std::nullopt;
  if (!config.has_key("sliding_window")) return family.default_window;
  if (!config.has_value("sliding_window")) return std::nullopt;
  return config.integer("sliding_window", 1, kMaxSize);
}

// The window of the layers that slide, as transformers chooses them: all layers of mistral, those of
// layer_types or else of max_window_layers in qwen2 and qwen3, none in llama. A sample no longer than the
// window is computed right whichever layers slide.
std::optional<std::int64_t> read_sliding_window(const JsonObject& config, const Family& family,
                                                std::int64_t n_layers) {
  const std::optional<bool> by_types = slides_by_layer_types(config, n_layers);
  const std::optional<std::int64_t> window = read_window_size(config, family);
  const bool knows_windows = family.window_needs_switch || family.default_window;
  if (by_types.value_or(false) && (!window || !knows_windows))
    config.refuse("layer_types",
                  std::string("holds ") + kSlidingLayer + ", but no sliding_window is in use" +
                      (family.window_needs_switch ? " (use_sliding_window, sliding_window)" : ""));
  if (!window || !knows_windows || !family.window_needs_switch) return window;
  const bool slides = by_types ? *by_types : slides_by_max_window_layers(config, n_layers);
  return slides ? window : std::nullopt;
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
  const JsonObject config = JsonObject::read_file(config_json);
  const Family& family = read_family(config);
  refuse_quantised(config);
  refuse_other_models(config);
  refuse_not_causal(config);
  check_activation(config);

  ModelConfig model;
  model.model_type = family.model_type;
  model.vocab_size = config.integer("vocab_size", 1, kMaxSize);
  model.hidden_size = config.integer("hidden_size", 1, kMaxSize);
  model.intermediate_size = config.integer("intermediate_size", 1, kMaxSize);
  model.n_layers = config.integer("num_hidden_layers", 1, kMaxLayers);
  model.n_heads = config.integer("num_attention_heads", 1, kMaxSize);
  model.n_kv_heads = read_n_kv_heads(config, family, model.n_heads);
  model.head_dim = read_head_dim(config, family, model);
  model.rms_norm_eps =
      config.has_key("rms_norm_eps") ? config.finite_number("rms_norm_eps") : 1e-6;  // in all families
  if (model.rms_norm_eps < 0) config.refuse("rms_norm_eps", "is negative");
  model.rope = read_rope_config(config);

  const bool attention_bias = read_switch(config, "attention_bias");
  if (attention_bias && !family.reads_attention_bias && !family.always_has_qkv_bias)
    config.refuse("attention_bias", "is true, but " + model.model_type + " models have no attention bias");
  model.qkv_bias = family.always_has_qkv_bias || attention_bias;
  model.o_bias = family.reads_attention_bias && attention_bias;
  model.mlp_bias = read_family_switch(config, "mlp_bias", family.reads_mlp_bias, model.model_type);
  read_family_switch(config, "use_qk_norm", family.qk_norm, model.model_type);
  model.qk_norm = family.qk_norm;
  model.tied_embeddings = read_switch(config, "tie_word_embeddings");
  model.max_position_embeddings = config.integer("max_position_embeddings", 1, kMaxSize);
  model.sliding_window = read_sliding_window(config, family, model.n_layers);
  model.stored_dtype = read_stored_dtype(config);
  return model;
}

}  // namespace kvcompare
