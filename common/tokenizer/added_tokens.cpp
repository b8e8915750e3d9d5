#include "common/tokenizer/added_tokens.h"

#include <algorithm>
#include <unordered_map>

#include "common/tokenizer/bpe.h"
#include "common/tokenizer/character_class.h"
#include "common/tokenizer/json_node.h"
#include "common/utf8.h"
#include "common/white_space.h"

namespace kvcompare {
namespace {

std::size_t white_space_begin(std::string_view text, std::size_t end) {
  while (end > 0) {
    const CodePoint c = decode_utf8_before(text, end);
    if (!is_white_space(c.value)) break;
    end -= c.n_bytes;
  }
  return end;
}

std::size_t white_space_end(std::string_view text, std::size_t begin) {
  while (begin < text.size()) {
    const CodePoint c = decode_utf8(text, begin);
    if (!is_white_space(c.value)) break;
    begin += c.n_bytes;
  }
  return begin;
}

AddedToken token_from_json(const JsonNode& node) {
  node.allow_keys({"id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"});
  node.at("special").boolean();  // only decoding uses it
  AddedToken token{node.at("id").token_id(), node.at("content").string(), node.at("single_word").boolean(),
                   node.at("lstrip").boolean(), node.at("rstrip").boolean()};
  if (token.content.empty()) node.at("content").fail("an empty added token is not supported");
  return token;
}

// Computes the ids that Hugging Face would give to the added tokens, whatever the file says, and checks that
// the file says the same.
class IdCheck {
 public:
  explicit IdCheck(const Bpe& model) : model_(&model), next_(static_cast<std::uint32_t>(model.n_tokens())) {}

  void check(const AddedToken& token, const JsonNode& node) {
    const std::optional<std::uint32_t> known = model_->id_of(token.content);
    const std::uint32_t expected = known.value_or(next_);
    if (token.id != expected) {
      node.at("id").fail("\"" + token.content + "\" has id " + std::to_string(token.id) + ", but " +
                         (known ? "the vocabulary gives it " : "the next free id is ") +
                         std::to_string(expected));
    }
    next_ = std::max(next_, expected + 1 > n_vocabulary() ? expected + 1 : next_);
  }

 private:
  std::uint32_t n_vocabulary() const { return static_cast<std::uint32_t>(model_->n_tokens()); }

  const Bpe* model_;
  std::uint32_t next_;
};

}  // namespace

AddedTokenMatcher::AddedTokenMatcher(std::vector<AddedToken> tokens)
    : tokens_(std::move(tokens)),
      trie_(1),
      word_character_(Regex::compile("\\A[" + class_of_rust_word() + "]")) {
  for (std::size_t i = 0; i < tokens_.size(); ++i) add_to_trie(i);
  for (const auto& [byte, child] : trie_[0].children) may_start_[static_cast<unsigned char>(byte)] = true;
}

void AddedTokenMatcher::add_to_trie(std::size_t token) {
  std::size_t node = 0;
  for (const char byte : tokens_[token].content) {
    auto& children = trie_[node].children;
    const auto child =
        std::find_if(children.begin(), children.end(), [byte](const auto& c) { return c.first == byte; });
    if (child != children.end()) {
      node = child->second;
      continue;
    }
    const std::size_t added = trie_.size();
    children.emplace_back(byte, added);
    trie_.emplace_back();
    node = added;
  }
  if (!trie_[node].token) trie_[node].token = token;
}

std::optional<AddedTokenMatcher::Found> AddedTokenMatcher::longest_at(std::string_view text,
                                                                      std::size_t at) const {
  std::optional<Found> found;
  std::size_t node = 0;
  for (std::size_t i = at; i < text.size(); ++i) {
    const auto& children = trie_[node].children;
    const char byte = text[i];
    const auto child =
        std::find_if(children.begin(), children.end(), [byte](const auto& c) { return c.first == byte; });
    if (child == children.end()) break;
    node = child->second;
    if (trie_[node].token) found = Found{*trie_[node].token, i + 1};
  }
  return found;
}

bool AddedTokenMatcher::stands_alone(std::string_view text, const Span& span,
                                     MatchWorkspace& workspace) const {
  const auto is_word = [&](std::string_view character) {
    return word_character_.find(character, 0, workspace).has_value();
  };
  if (span.begin > 0) {
    const std::size_t n_bytes = decode_utf8_before(text, span.begin).n_bytes;
    if (is_word(text.substr(span.begin - n_bytes, n_bytes))) return false;
  }
  return span.end == text.size() || !is_word(text.substr(span.end, decode_utf8(text, span.end).n_bytes));
}

std::vector<Segment> AddedTokenMatcher::find_all(std::string_view text, MatchWorkspace& workspace) const {
  std::vector<Segment> segments;
  std::size_t done = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::optional<Found> found =
        may_start_[static_cast<unsigned char>(text[at])] ? longest_at(text, at) : std::nullopt;
    if (!found) {
      ++at;
      continue;
    }
    Span span{at, found->end};
    at = found->end;
    const AddedToken& token = tokens_[found->token];
    if (token.single_word && !stands_alone(text, span, workspace)) continue;
    // The token may lie in white space that the one before it has taken: then `done` is behind its begin.
    if (token.lstrip) span.begin = std::min(span.begin, std::max(white_space_begin(text, span.begin), done));
    if (token.rstrip) span.end = white_space_end(text, span.end);
    if (done < span.begin) segments.push_back({{done, span.begin}, std::nullopt});
    segments.push_back({span, token.id});
    done = span.end;
  }
  if (done < text.size()) segments.push_back({{done, text.size()}, std::nullopt});
  return segments;
}

AddedTokens::AddedTokens() : AddedTokens({}, {}) {}

AddedTokens::AddedTokens(std::vector<AddedToken> raw, std::vector<AddedToken> normalized)
    : raw_(std::move(raw)), normalized_(std::move(normalized)) {}

AddedTokens AddedTokens::from_json(const JsonNode& node, const Bpe& model, const Normalizer& normalizer,
                                   MatchWorkspace& workspace) {
  std::vector<AddedToken> raw;
  std::vector<AddedToken> normalized;
  std::unordered_map<std::string, nlohmann::json> seen;
  IdCheck ids(model);
  std::optional<std::uint32_t> largest;
  std::unordered_map<std::string, std::uint32_t> by_content;
  for (const JsonNode& item : node.items()) {
    AddedToken token = token_from_json(item);
    const auto [first, is_new] = seen.emplace(token.content, item.value());
    if (!is_new && first->second == item.value()) continue;
    if (!is_new) item.fail("\"" + token.content + "\" is added twice with different options");
    ids.check(token, item);
    largest = std::max(largest.value_or(0), token.id);
    by_content.emplace(token.content, token.id);
    if (item.at("normalized").boolean()) {
      token.content = normalizer.apply({token.content, 0}, workspace).text;
      if (token.content.empty()) item.fail("the normalizer leaves nothing of this token");
      normalized.push_back(std::move(token));
    } else {
      raw.push_back(std::move(token));
    }
  }
  AddedTokens tokens(std::move(raw), std::move(normalized));
  tokens.largest_id_ = largest;
  tokens.ids_ = std::move(by_content);
  return tokens;
}

std::optional<std::uint32_t> AddedTokens::id_of(std::string_view content) const {
  const auto found = ids_.find(std::string(content));
  return found == ids_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace kvcompare
