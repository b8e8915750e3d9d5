#include "common/tokenizer/json_rebuilt_tokenizer.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

namespace kvcompare {
namespace {

using nlohmann::json;

constexpr std::string_view kQwen2Words =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|"
    "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

// The special tokens that a class has if tokenizer_config.json names no other.
struct DefaultToken {
  const char* key;
  const char* text;
};

struct RebuildingClass {
  std::string_view name;
  std::vector<DefaultToken> tokens;
  json (*normalizers)();
  json (*pre_tokenizers)(const json& config);
  bool byte_fallback;
};

bool flag(const json& config, const char* key, bool otherwise) {
  const auto found = config.find(key);
  return found != config.end() && found->is_boolean() ? found->get<bool>() : otherwise;
}

json no_steps() { return json::array(); }
json one_step(const json& step) { return json::array({step}); }
json nfc() { return one_step(json::object({{"type", "NFC"}})); }
json visible_spaces() {
  return one_step(
      json::object({{"type", "Replace"}, {"pattern", json::object({{"String", " "}})}, {"content", "▁"}}));
}

json metaspace(const char* scheme) {
  return one_step(json::object(
      {{"type", "Metaspace"}, {"replacement", "▁"}, {"prepend_scheme", scheme}, {"split", false}}));
}
json llama_steps(const json& config) {
  if (!flag(config, "add_prefix_space", true)) return metaspace("never");
  return metaspace(flag(config, "legacy", false) ? "always" : "first");
}
json code_llama_steps(const json& config) {
  return metaspace(flag(config, "add_prefix_space", true) ? "first" : "never");
}

json split(const json& pattern, const char* behavior) {
  return json::object({{"type", "Split"}, {"pattern", pattern}, {"behavior", behavior}, {"invert", false}});
}
json byte_level(const json& config, bool use_regex) {
  return json::object({{"type", "ByteLevel"},
                       {"add_prefix_space", flag(config, "add_prefix_space", false)},
                       {"use_regex", use_regex}});
}
json gemma_steps(const json&) {
  return one_step(split(json::object({{"String", " "}}), "MergedWithPrevious"));
}
json gpt2_steps(const json& config) { return one_step(byte_level(config, true)); }
json qwen2_steps(const json& config) {
  return json::array({split(json::object({{"Regex", kQwen2Words}}), "Isolated"), byte_level(config, false)});
}
json cohere_steps(const json& config) {
  return json::array(
      {json::object({{"type", "Digits"}, {"individual_digits", true}}), byte_level(config, true)});
}

const std::array<RebuildingClass, 7>& rebuilding_classes() {
  static const std::array<RebuildingClass, 7> classes{{
      {"LlamaTokenizer",
       {{"unk_token", "<unk>"}, {"bos_token", "<s>"}, {"eos_token", "</s>"}},
       no_steps,
       llama_steps,
       true},
      {"CodeLlamaTokenizer",
       {{"unk_token", "<unk>"}, {"bos_token", "<s>"}, {"eos_token", "</s>"}},
       no_steps,
       code_llama_steps,
       true},
      {"GemmaTokenizer",
       {{"unk_token", "<unk>"},
        {"bos_token", "<bos>"},
        {"eos_token", "<eos>"},
        {"pad_token", "<pad>"},
        {"mask_token", "<mask>"}},
       visible_spaces,
       gemma_steps,
       true},
      {"GPT2Tokenizer",
       {{"unk_token", "<|endoftext|>"}, {"bos_token", "<|endoftext|>"}, {"eos_token", "<|endoftext|>"}},
       no_steps,
       gpt2_steps,
       false},
      {"Qwen2Tokenizer",
       {{"unk_token", "<|endoftext|>"}, {"eos_token", "<|endoftext|>"}, {"pad_token", "<|endoftext|>"}},
       nfc,
       qwen2_steps,
       false},
      {"CohereTokenizer",
       {{"unk_token", "<UNK>"},
        {"bos_token", "<BOS_TOKEN>"},
        {"eos_token", "<|END_OF_TURN_TOKEN|>"},
        {"pad_token", "<PAD>"},
        {"cls_token", "<CLS>"},
        {"sep_token", "<SEP>"},
        {"mask_token", "<MASK_TOKEN>"}},
       nfc,
       cohere_steps,
       false},
      {"GPTNeoXTokenizer",
       {{"unk_token", "<|endoftext|>"},
        {"bos_token", "<|endoftext|>"},
        {"eos_token", "<|endoftext|>"},
        {"pad_token", "<|padding|>"}},
       nfc,
       gpt2_steps,
       false},
  }};
  return classes;
}

// What AutoTokenizer takes for a model type if the files name no class. "": it reads tokenizer.json, whatever
// class they name. A type that is not here takes the class that they name.
struct ClassOfType {
  std::string_view model_type;
  std::string_view name;
};
constexpr std::array kClassesOfTypes{
    ClassOfType{"cohere", "CohereTokenizer"},
    ClassOfType{"cohere2", "CohereTokenizer"},
    ClassOfType{"gemma", "GemmaTokenizer"},
    ClassOfType{"gemma2", "GemmaTokenizer"},
    ClassOfType{"gemma3", "GemmaTokenizer"},
    ClassOfType{"gemma3_text", "GemmaTokenizer"},
    ClassOfType{"gpt2", "GPT2Tokenizer"},
    ClassOfType{"starcoder2", "GPT2Tokenizer"},
    ClassOfType{"olmo", "GPTNeoXTokenizer"},
    ClassOfType{"qwen2", "Qwen2Tokenizer"},
    ClassOfType{"qwen2_moe", "Qwen2Tokenizer"},
    ClassOfType{"qwen3", "Qwen2Tokenizer"},
    ClassOfType{"qwen3_moe", "Qwen2Tokenizer"},
    ClassOfType{"ernie4_5", ""},
    ClassOfType{"glm", ""},
    ClassOfType{"glm4", ""},
    ClassOfType{"granite", ""},
    ClassOfType{"ministral", ""},
    ClassOfType{"ministral3", ""},
    ClassOfType{"mistral", ""},
    ClassOfType{"mistral3", ""},
    ClassOfType{"mixtral", ""},
    ClassOfType{"olmo2", ""},
    ClassOfType{"olmo3", ""},
    ClassOfType{"phi3", ""},
};

std::string text_at(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

// A part of tokenizer.json as a list of steps, with what changes no ids left out and defaults filled in.
json steps_of(const json& part, const char* list) {
  if (!part.is_object()) return json::array();
  if (part.contains(list)) {
    json all = json::array();
    for (const json& child : part.at(list))
      for (json& step : steps_of(child, list)) all.push_back(std::move(step));
    return all;
  }
  json step = part;
  const auto type = text_at(step, "type");
  if (type == "ByteLevel") {
    step.erase("trim_offsets");
    step.emplace("use_regex", true);
  }
  if (type == "Metaspace") {
    step.emplace("prepend_scheme", flag(step, "add_prefix_space", true) ? "always" : "never");
    step.emplace("split", true);
    step.erase("add_prefix_space");
    step.erase("str_rep");
  }
  return json::array({std::move(step)});
}

json steps_of(const json& tokenizer, const char* part, const char* list) {
  const auto found = tokenizer.find(part);
  return found == tokenizer.end() ? json::array() : steps_of(*found, list);
}

bool is_byte_level(const json& tokenizer) {
  const auto has = [](const json& steps) {
    return std::ranges::any_of(steps, [](const json& step) { return text_at(step, "type") == "ByteLevel"; });
  };
  return has(steps_of(tokenizer, "pre_tokenizer", "pretokenizers")) ||
         has(steps_of(tokenizer, "decoder", "decoders"));
}

const RebuildingClass* class_named(std::string_view name) {
  if (name.ends_with("Fast")) name.remove_suffix(4);
  const auto& classes = rebuilding_classes();
  const auto found = std::ranges::find(classes, name, &RebuildingClass::name);
  return found == classes.end() ? nullptr : &*found;
}

// Null: AutoTokenizer reads tokenizer.json.
const RebuildingClass* chosen_class(const json& tokenizer, const json& tokenizer_config,
                                    const json& model_config) {
  auto named = text_at(tokenizer_config, "tokenizer_class");
  if (named.empty()) named = text_at(model_config, "tokenizer_class");
  const auto type = text_at(model_config, "model_type");
  const auto* of_type = std::ranges::find(kClassesOfTypes, type, &ClassOfType::model_type);
  const bool has_type = of_type != kClassesOfTypes.end();
  if (has_type && of_type->name.empty()) return nullptr;
  if (has_type && (named.empty() || type == "qwen2")) return class_named(of_type->name);
  const auto* chosen = class_named(named);
  if (chosen != nullptr && chosen->name == "LlamaTokenizer" && is_byte_level(tokenizer)) return nullptr;
  return chosen;
}

bool names_token(const json& added, const std::string& text) {
  return std::ranges::any_of(added, [&](const json& token) { return text_at(token, "content") == text; });
}

// A default token that tokenizer.json does not add becomes one. A token of tokenizer.json is lost if
// tokenizer_config.json lists others, and the class has it not by itself.
bool adds_other_tokens(const RebuildingClass& rebuilding, const json& tokenizer,
                       const json& tokenizer_config) {
  const auto added = tokenizer.value("added_tokens", json::array());
  const auto is_default = [&](const std::string& text) {
    return std::ranges::any_of(rebuilding.tokens, [&](const DefaultToken& token) {
      return text == token.text && !tokenizer_config.contains(token.key);
    });
  };
  for (const auto& [key, text] : rebuilding.tokens)
    if (is_default(text) && !names_token(added, text)) return true;
  const auto listed = tokenizer_config.find("added_tokens_decoder");
  if (listed == tokenizer_config.end() || !listed->is_object()) return false;
  return std::ranges::any_of(added, [&](const json& token) {
    const auto text = text_at(token, "content");
    return !names_token(*listed, text) && !is_default(text);
  });
}

bool puts_tokens_around(const json& tokenizer) {
  return std::ranges::any_of(steps_of(tokenizer, "post_processor", "processors"), [](const json& step) {
    return text_at(step, "type") == "TemplateProcessing" && step.value("single", json::array()).size() > 1;
  });
}

// These two classes put no token, or the begin token alone, around a text, whatever tokenizer.json says.
bool puts_other_tokens_around(const RebuildingClass& rebuilding, const json& tokenizer,
                              const json& tokenizer_config) {
  const auto bos = tokenizer_config.find("bos_token");
  const bool has_bos = bos == tokenizer_config.end() || !bos->is_null();
  if (rebuilding.name == "GPTNeoXTokenizer") return puts_tokens_around(tokenizer);
  return rebuilding.name == "CodeLlamaTokenizer" && puts_tokens_around(tokenizer) != has_bos;
}

}  // namespace

std::optional<RebuiltTokenizer> rebuilt_otherwise(const json& tokenizer, const json& tokenizer_config,
                                                  const json& model_config) {
  const auto* rebuilding = chosen_class(tokenizer, tokenizer_config, model_config);
  if (rebuilding == nullptr) return std::nullopt;
  const auto with = [&](const char* part) {
    return RebuiltTokenizer{.tokenizer_class = std::string(rebuilding->name), .part = part};
  };
  if (steps_of(tokenizer, "normalizer", "normalizers") != rebuilding->normalizers())
    return with("normalizer");
  if (steps_of(tokenizer, "pre_tokenizer", "pretokenizers") != rebuilding->pre_tokenizers(tokenizer_config))
    return with("pre_tokenizer");
  const auto model = tokenizer.value("model", json::object());
  if (flag(model, "byte_fallback", false) != rebuilding->byte_fallback || flag(model, "ignore_merges", false))
    return with("model");
  if (adds_other_tokens(*rebuilding, tokenizer, tokenizer_config)) return with("added_tokens");
  if (puts_other_tokens_around(*rebuilding, tokenizer, tokenizer_config)) return with("post_processor");
  return std::nullopt;
}

}  // namespace kvcompare
