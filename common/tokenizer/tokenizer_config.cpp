#include "common/tokenizer/tokenizer_config.h"

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <vector>

#include "common/tokenizer/json_file.h"
#include "common/tokenizer/json_node.h"

namespace kvcompare {
namespace {

using nlohmann::json;

constexpr const char* kRemedy =
    "; to have it in tokenizer.json too, in Python: "
    "AutoTokenizer.from_pretrained(folder).save_pretrained(folder)";

// A file beside tokenizer.json; an empty object if the file does not exist.
struct Neighbour {
  explicit Neighbour(const std::filesystem::path& path) : file(path.string()), document(json::object()) {
    std::error_code ignored;
    if (std::filesystem::exists(path, ignored)) document = read_json_file(path);
  }
  JsonNode root() const { return {file, document}; }

  std::string file;
  json document;
};

// The components of a part of tokenizer.json, including those inside of sequences.
std::vector<json> components(const json& part, const char* list) {
  if (!part.is_object()) return {};
  if (!part.contains(list)) return {part};
  std::vector<json> all;
  for (const json& child : part.at(list))
    for (json& component : components(child, list)) all.push_back(std::move(component));
  return all;
}

std::vector<json> components(const JsonNode& tokenizer, const char* part, const char* list) {
  const auto node = tokenizer.find(part);
  return node ? components(node->value(), list) : std::vector<json>{};
}

bool puts_a_space_first(const JsonNode& tokenizer) {
  for (const json& step : components(tokenizer, "normalizer", "normalizers"))
    if (step.value("type", "") == "Prepend") return true;
  for (const json& step : components(tokenizer, "pre_tokenizer", "pretokenizers")) {
    const std::string type = step.value("type", "");
    if (type == "ByteLevel" && step.value("add_prefix_space", true)) return true;
    if (type == "Metaspace" && step.value("add_prefix_space", true) &&
        step.value("prepend_scheme", "always") != "never")
      return true;
  }
  return false;
}

void check_prefix_space(const JsonNode& config, const JsonNode& tokenizer) {
  const auto node = config.find("add_prefix_space");
  if (!node || node->boolean() == puts_a_space_first(tokenizer)) return;
  node->fail(node->boolean() ? "is true, but tokenizer.json puts no space before a text; accepted: false"
                             : "is false, but tokenizer.json puts a space before a text; accepted: true");
}

// The special tokens that the post-processor puts before and after the text.
struct Template {
  bool before = false;
  bool after = false;
};

Template template_of(const JsonNode& tokenizer) {
  Template found;
  for (const json& step : components(tokenizer, "post_processor", "processors")) {
    if (step.value("type", "") != "TemplateProcessing") continue;
    bool text_is_past = false;
    for (const json& part : step.at("single")) {
      if (part.contains("Sequence"))
        text_is_past = true;
      else
        (text_is_past ? found.after : found.before) = true;
    }
  }
  return found;
}

void check_added(const JsonNode& config, const char* key, const char* token, bool is_added) {
  const auto node = config.find(key);
  if (!node) return;
  const bool wanted = node->boolean() && config.has(token);
  if (wanted == is_added) return;
  node->fail(std::string(wanted ? "is true, but the post_processor of tokenizer.json adds no "
                                : "adds nothing, but the post_processor of tokenizer.json adds a ") +
             "token there; the two must agree" + kRemedy);
}

// The added tokens of tokenizer.json by their text.
class KnownTokens {
 public:
  explicit KnownTokens(const JsonNode& tokenizer) {
    const auto added = tokenizer.find("added_tokens");
    if (!added) return;
    for (const JsonNode& token : added->items())
      by_content_.emplace(token.at("content").string(), token.value());
  }

  // `node`: a token that another file names, as a text or as an object with "content" and options.
  void check(const JsonNode& node, std::optional<std::uint64_t> id = std::nullopt) const {
    const std::string& content = node.is_string() ? node.string() : node.at("content").string();
    check(node, content, id);
    if (node.is_string()) return;
    for (const char* option : {"single_word", "lstrip", "rstrip", "normalized"})
      if (const auto value = node.find(option);
          value && by_content_.at(content).value(option, false) != value->boolean())
        value->fail("contradicts the added token \"" + content + "\" of tokenizer.json");
  }

  void check(const JsonNode& node, const std::string& content, std::optional<std::uint64_t> id) const {
    const auto known = by_content_.find(content);
    if (known == by_content_.end())
      node.fail("the token \"" + content + "\" is not among the added_tokens of tokenizer.json" + kRemedy);
    if (id && known->second.at("id") != *id)
      node.fail("\"" + content + "\" has id " + std::to_string(*id) + ", but " +
                known->second.at("id").dump() + " in tokenizer.json");
  }

 private:
  std::unordered_map<std::string, json> by_content_;
};

constexpr std::array<const char*, 7> kNamedTokens{"bos_token", "eos_token", "unk_token", "sep_token",
                                                  "pad_token", "cls_token", "mask_token"};

void check_named_tokens(const JsonNode& file, const KnownTokens& known) {
  for (const char* key : kNamedTokens)
    if (const auto token = file.find(key)) known.check(*token);
  for (const char* key : {"additional_special_tokens", "extra_special_tokens"}) {
    const auto tokens = file.find(key);
    if (!tokens) continue;
    if (tokens->value().is_object()) {  // name -> token
      for (const auto& [name, unused] : tokens->value().items())
        if (const auto token = tokens->find(name)) known.check(*token);
    } else {
      for (const JsonNode& token : tokens->items()) known.check(token);
    }
  }
}

void check_decoder(const JsonNode& decoder, const KnownTokens& known) {  // id -> token
  if (!decoder.value().is_object()) decoder.fail("must be an object");
  for (const auto& [id, unused] : decoder.value().items()) {
    const JsonNode token = decoder.at(id);
    if (id.empty() || id.size() > 10 || id.find_first_not_of("0123456789") != std::string::npos)
      token.fail("expected a token id as the key");
    known.check(token, std::stoull(id));
  }
}

}  // namespace

void refuse_what_changes_ids(const std::filesystem::path& folder, const JsonNode& tokenizer) {
  const Neighbour config_file(folder / "tokenizer_config.json");
  const JsonNode config = config_file.root();
  for (const char* key :
       {"split_special_tokens", "do_lower_case", "strip_accents", "fix_mistral_regex", "from_slow"})
    if (config.boolean_or(key, false)) config.at(key).fail("true is not supported; accepted: false");
  check_prefix_space(config, tokenizer);
  const Template special = template_of(tokenizer);
  check_added(config, "add_bos_token", "bos_token", special.before);
  check_added(config, "add_eos_token", "eos_token", special.after);

  const KnownTokens known(tokenizer);
  check_named_tokens(config, known);
  if (const auto decoder = config.find("added_tokens_decoder")) {
    check_decoder(*decoder, known);
    return;  // then transformers does not read the older files
  }
  const Neighbour map(folder / "special_tokens_map.json");
  check_named_tokens(map.root(), known);
  const Neighbour added(folder / "added_tokens.json");
  for (const auto& [content, unused] : added.document.items()) {
    const JsonNode id = added.root().at(content);
    known.check(id, content, id.token_id());
  }
}

}  // namespace kvcompare
