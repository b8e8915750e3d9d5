#include "common/tokenizer/pattern.h"

#include <stdexcept>

#include "common/errors.h"
#include "common/tokenizer/json_node.h"
#include "common/tokenizer/oniguruma.h"
#include "common/utf8.h"

namespace kvcompare {
namespace {

std::vector<Span> find_all_literal(const std::string& wanted, std::string_view text) {
  std::vector<Span> spans;
  for (std::size_t at = text.find(wanted); at != std::string_view::npos; at = text.find(wanted, at)) {
    spans.push_back({at, at + wanted.size()});
    at += wanted.size();
  }
  return spans;
}

std::vector<Span> find_all_regex(const Regex& regex, std::string_view text, MatchWorkspace& workspace) {
  std::vector<Span> spans;
  std::size_t from = 0;
  while (from <= text.size()) {
    const std::optional<Span> match = regex.find(text, from, workspace);
    if (!match) break;
    if (match->begin == match->end && !spans.empty() && spans.back().end == match->end) {
      from += from < text.size() ? decode_utf8(text, from).n_bytes : 1;
      continue;
    }
    from = match->end;
    spans.push_back(*match);
  }
  return spans;
}

}  // namespace

Pattern Pattern::literal(std::string text) {
  require(!text.empty(), "Pattern::literal of an empty text");
  return Pattern(std::move(text));
}

Pattern Pattern::regex(const std::string& pattern) {
  return Pattern(Regex::compile(pcre2_from_oniguruma(pattern), pattern));
}

Pattern Pattern::from_json(const JsonNode& node) {
  node.allow_keys({"String", "Regex"});
  if (node.has("String") == node.has("Regex")) node.fail("must be {\"String\": ...} or {\"Regex\": ...}");
  if (const auto text = node.find("String")) {
    if (text->string().empty()) text->fail("an empty pattern is not supported");
    return literal(text->string());
  }
  const JsonNode pattern = node.at("Regex");
  try {
    return regex(pattern.string());
  } catch (const std::invalid_argument& problem) {
    pattern.fail(std::string("this regular expression is not supported: ") + problem.what());
  }
}

std::vector<Span> Pattern::find_all(std::string_view text, MatchWorkspace& workspace) const {
  if (const auto* wanted = std::get_if<std::string>(&what_)) return find_all_literal(*wanted, text);
  return find_all_regex(std::get<Regex>(what_), text, workspace);
}

}  // namespace kvcompare
