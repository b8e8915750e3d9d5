#include "common/tokenizer/token_bytes.h"

#include <cstddef>
#include <functional>
#include <system_error>
#include <utility>

#include <nlohmann/json.hpp>

#include "common/tokenizer/byte_characters.h"
#include "common/tokenizer/json_file.h"
#include "common/tokenizer/json_node.h"
#include "common/tokenizer/tokenizer_file.h"
#include "common/utf8.h"

namespace kvcompare {
namespace {

using Step = std::function<std::string(std::string)>;  // of a token

// What stands for no bytes is left as it is.
std::string byte_level(std::string token) {
  if (find_invalid_utf8(token)) return token;
  auto bytes = bytes_of_characters(token);
  return bytes ? std::move(*bytes) : token;
}

std::optional<int> hexadecimal(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return std::nullopt;
}

// "<0xE4>" is a byte.
std::string byte_fallback(std::string token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token.back() != '>') return token;
  const auto high = hexadecimal(token[3]), low = hexadecimal(token[4]);
  return high && low ? std::string(1, static_cast<char>(*high * 16 + *low)) : token;
}

Step replace(std::string pattern, std::string content) {
  return [pattern = std::move(pattern), content = std::move(content)](std::string token) {
    if (pattern.empty()) return token;
    for (std::size_t at = 0; (at = token.find(pattern, at)) != std::string::npos; at += content.size())
      token.replace(at, pattern.size(), content);
    return token;
  };
}

void add_steps(std::vector<Step>& steps, const JsonNode& decoder) {
  const std::string& type = decoder.at("type").string();
  if (type == "Sequence") {
    for (const JsonNode& one : decoder.at("decoders").items()) add_steps(steps, one);
  } else if (type == "ByteLevel") {
    steps.emplace_back(byte_level);
  } else if (type == "ByteFallback") {
    steps.emplace_back(byte_fallback);
  } else if (type == "Metaspace") {
    const auto replacement = decoder.find("replacement");
    steps.push_back(replace(replacement ? replacement->string() : "▁", " "));
  } else if (type == "Replace") {
    if (const auto text = decoder.at("pattern").find("String"))
      steps.push_back(replace(text->string(), decoder.at("content").string()));
  }
}

void put(std::vector<std::optional<std::string>>& all, std::size_t id, std::string bytes) {
  if (id >= all.size()) all.resize(id + 1);
  all[id] = std::move(bytes);
}

}  // namespace

TokenBytes TokenBytes::load(const std::filesystem::path& folder_or_file) {
  const auto file = tokenizer_file(folder_or_file);
  const std::string name = file.string();
  const nlohmann::json document = read_json_file(file);
  const JsonNode root(name, document);
  std::vector<Step> steps;
  if (const auto decoder = root.find("decoder")) add_steps(steps, *decoder);
  TokenBytes tokens;
  const JsonNode vocabulary = root.at("model").at("vocab");
  if (!vocabulary.value().is_object()) vocabulary.fail("must be an object {token: id, ...}");
  for (const auto& [token, id] : vocabulary.value().items()) {
    std::string bytes = token;
    for (const Step& step : steps) bytes = step(std::move(bytes));
    put(tokens.bytes_, vocabulary.at(token).token_id(), std::move(bytes));
  }
  if (const auto added = root.find("added_tokens"))
    for (const JsonNode& token : added->items())
      put(tokens.bytes_, token.at("id").token_id(), token.at("content").string());
  return tokens;
}

std::optional<std::string_view> TokenBytes::of(TokenId id) const {
  const auto at = static_cast<std::size_t>(id);
  if (id < 0 || at >= bytes_.size() || !bytes_[at]) return std::nullopt;
  return *bytes_[at];
}

}  // namespace kvcompare
