#include "common/tokenizer/tokenizer_config.h"

#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <vector>

#include "common/tokenizer/json_file.h"
#include "common/tokenizer/json_node.h"
#include "common/tokenizer/json_rebuilt_tokenizer.h"

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

// The added tokens of tokenizer.json by their text.
class KnownTokens {
 public:
  explicit KnownTokens(const JsonNode& tokenizer) {
    const auto added = tokenizer.find("added_tokens");
    if (!added) return;
    for (const JsonNode& token : added->items())
      by_content_.emplace(token.at("content").string(), token.value());
  }

  // `node`: a token that another file names, as a text or as an object with "content". Beside an added token
  // of tokenizer.json its options do not count.
  void check_named(const JsonNode& node) const { check(node, content_of(node), std::nullopt); }

  // `node`: a token of "added_tokens_decoder", whose options replace those of tokenizer.json.
  void check_listed(const JsonNode& node, std::uint64_t id) const {
    const std::string& content = content_of(node);
    check(node, content, id);
    for (const std::string option : {"single_word", "lstrip", "rstrip", "normalized"}) {
      const bool if_absent = option == "normalized" && !node.boolean_or("special", false);
      if (by_content_.at(content).value(option, false) != node.boolean_or(option, if_absent))
        (node.has(option) ? node.at(option) : node)
            .fail("contradicts the added token \"" + content + "\" of tokenizer.json in \"" + option + "\"");
    }
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
  static const std::string& content_of(const JsonNode& node) {
    return node.is_string() ? node.string() : node.at("content").string();
  }

  std::unordered_map<std::string, json> by_content_;
};

// Every key that ends like this names a token: "bos_token", and also "image_token" and the like.
bool names_a_token(const std::string& key, const json& value) {
  return key.ends_with("_token") && (value.is_string() || value.is_object());
}

void check_named_tokens(const JsonNode& file, const KnownTokens& known) {
  for (const auto& [key, value] : file.value().items())
    if (names_a_token(key, value)) known.check_named(file.at(key));
  for (const char* key : {"additional_special_tokens", "extra_special_tokens"}) {
    const auto tokens = file.find(key);
    if (!tokens) continue;
    if (tokens->value().is_object()) {  // name -> token
      for (const auto& [name, unused] : tokens->value().items())
        if (const auto token = tokens->find(name)) known.check_named(*token);
    } else {
      for (const JsonNode& token : tokens->items()) known.check_named(token);
    }
  }
}

void check_decoder(const JsonNode& decoder, const KnownTokens& known) {  // id -> token
  if (!decoder.value().is_object()) decoder.fail("must be an object");
  for (const auto& [id, unused] : decoder.value().items()) {
    const JsonNode token = decoder.at(id);
    if (id.empty() || id.size() > 10 || id.find_first_not_of("0123456789") != std::string::npos)
      token.fail("expected a token id as the key");
    known.check_listed(token, std::stoull(id));
  }
}

// transformers reads the file of this list that is made for its version, instead of tokenizer.json.
void check_versions(const JsonNode& config) {
  const auto files = config.find("fast_tokenizer_files");
  if (!files) return;
  for (const JsonNode& file : files->items())
    if (file.string() != "tokenizer.json")
      file.fail("\"" + file.string() + "\" is not supported; accepted: \"tokenizer.json\" alone" + kRemedy);
}

// A token that the files name by `key`.
std::optional<std::string> named_token(const JsonNode& config, const JsonNode& map, const char* key) {
  auto token = config.find(key);
  if (!token && !config.has("added_tokens_decoder")) token = map.find(key);
  if (!token) return std::nullopt;
  return token->is_string() ? token->string() : token->at("content").string();
}

// One of "add_bos_token" and "add_eos_token".
struct EdgeToken {
  const char* flag;
  const char* token;
  const char* where;
  std::optional<TokenId> AddedAroundTexts::*id;
};

std::string in_words(const std::string& part) {
  return part == "added_tokens" ? "other added tokens" : "another " + part;
}

std::string added_otherwise(const JsonNode& wanted, const EdgeToken& kind, const std::string& token,
                            bool is_added) {
  const auto file = wanted.file() + ": " + kind.flag;
  if (is_added)
    return file + " is false, but tokenizer.json puts \"" + token + "\" " + kind.where +
           " a text. tokenizer.json is used, as by transformers 5";
  return file + " is true, but tokenizer.json does not put \"" + token + "\" " + kind.where +
         " a text. tokenizer.json is used, as by transformers 5. If the model was trained with the token, "
         "add "
         "it to the post_processor of tokenizer.json: without it perplexities may be far too large";
}

}  // namespace

void refuse_what_changes_ids(const std::filesystem::path& folder, const JsonNode& tokenizer) {
  const Neighbour config_file(folder / "tokenizer_config.json");
  const JsonNode config = config_file.root();
  for (const char* key :
       {"split_special_tokens", "do_lower_case", "strip_accents", "fix_mistral_regex", "from_slow"})
    if (config.boolean_or(key, false)) config.at(key).fail("true is not supported; accepted: false");
  check_prefix_space(config, tokenizer);
  check_versions(config);

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

std::vector<std::string> warnings_beside(const std::filesystem::path& folder, const JsonNode& tokenizer,
                                         const AddedAroundTexts& added) {
  const Neighbour config_file(folder / "tokenizer_config.json");
  const Neighbour map_file(folder / "special_tokens_map.json");
  const Neighbour model_file(folder / "config.json");
  const JsonNode config = config_file.root();
  std::vector<std::string> warnings;
  for (const auto& kind : {EdgeToken{"add_bos_token", "bos_token", "before", &AddedAroundTexts::first},
                           EdgeToken{"add_eos_token", "eos_token", "behind", &AddedAroundTexts::last}}) {
    const auto wanted = config.find(kind.flag);
    const auto token = named_token(config, map_file.root(), kind.token);
    if (!wanted || !token) continue;
    const bool is_added = added.*kind.id && added.*kind.id == added.id_of(*token);
    if (wanted->boolean() != is_added) warnings.push_back(added_otherwise(*wanted, kind, *token, is_added));
  }
  if (const auto auto_map = config.find("auto_map"))
    warnings.push_back(config.file() +
                       ": auto_map names a tokenizer in Python, which kvcompare does not "
                       "run; tokenizer.json is used");
  if (const auto rebuilt = rebuilt_otherwise(tokenizer.value(), config_file.document, model_file.document))
    warnings.push_back(tokenizer.file() + ": transformers 5 reads it only in part. It builds a " +
                       rebuilt->tokenizer_class + " with " + in_words(rebuilt->part) +
                       ", so some texts get other ids there. kvcompare uses tokenizer.json as it is, like "
                       "transformers 4 and other programs");
  return warnings;
}

}  // namespace kvcompare
