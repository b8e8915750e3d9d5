#include "common/tokenizer/pre_tokenizer.h"

#include <algorithm>
#include <utility>

#include "common/tokenizer/byte_characters.h"
#include "common/tokenizer/character_class.h"
#include "common/tokenizer/json_node.h"
#include "common/utf8.h"

namespace kvcompare {
namespace {

// Source: GPT-2, src/encoder.py.
constexpr const char* kGpt2Words =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

// How many leading bytes of the piece stand for the first character of the input.
std::size_t head_of(const Pieces& pieces, const Span& span) {
  return std::clamp(pieces.head_bytes, span.begin, span.end) - span.begin;
}

// Collects rewritten pieces into a new buffer.
class Rewriting {
 public:
  explicit Rewriting(std::size_t expected_bytes) { out_.text.reserve(expected_bytes); }

  // write(text, origins) appends the piece to both; to the origins nothing if nobody asked for them.
  template <class Write>
  void add(std::size_t head_bytes, Write write) {
    const std::size_t begin = out_.text.size();
    write(out_.text, out_.origins);
    if (out_.text.size() == begin) return;
    out_.spans.push_back({begin, out_.text.size()});
    if (head_bytes > 0 && begin == out_.head_bytes) out_.head_bytes = begin + head_bytes;
  }

  Pieces take() { return std::move(out_); }

 private:
  Pieces out_;
};

std::vector<Span> cut(const Split& split, std::string_view text, MatchWorkspace& workspace) {
  return split_at(split.pattern.find_all(text, workspace), text.size(), split.delimiters, split.behavior);
}

Pieces apply_step(const Split& step, Pieces input, MatchWorkspace& workspace) {
  std::vector<Span> spans;
  for (const Span& span : input.spans) {
    for (const Span& part : cut(step, input.piece(span), workspace)) {
      spans.push_back({span.begin + part.begin, span.begin + part.end});
    }
  }
  input.spans = std::move(spans);
  return input;
}

Pieces with_prefix_spaces(const Pieces& input) {
  Rewriting out(input.text.size() + input.spans.size());
  for (const Span& span : input.spans) {
    const std::string_view piece = input.piece(span);
    const bool add = piece.front() != ' ';
    const std::size_t head = head_of(input, span);
    out.add(head > 0 && add ? head + 1 : head, [&](std::string& text, Origins& origins) {
      if (add) {
        text += ' ';
        append_part(origins, input.origins, {span.begin, span.begin + 1});
      }
      text += piece;
      append_part(origins, input.origins, span);
    });
  }
  return out.take();
}

Pieces apply_step(const ByteLevel& step, Pieces input, MatchWorkspace& workspace) {
  if (step.add_prefix_space) input = with_prefix_spaces(input);
  for (const Split& words : step.words) input = apply_step(words, std::move(input), workspace);
  Rewriting out(2 * input.text.size());
  std::string head_text;
  for (const Span& span : input.spans) {
    head_text.clear();
    append_byte_characters(head_text, input.piece(span).substr(0, head_of(input, span)));
    out.add(head_text.size(), [&](std::string& text, Origins& origins) {
      append_byte_characters(text, input.piece(span));
      if (input.origins.empty()) return;
      for (std::size_t i = span.begin; i < span.end; ++i)
        origins.insert(origins.end(), n_character_bytes(input.text[i]), input.origins[i]);
    });
  }
  return out.take();
}

bool wants_prefix(const Metaspace& step, std::string_view piece, std::size_t head_bytes) {
  if (step.prepend == PrependScheme::kNever || piece.starts_with(step.replacement)) return false;
  return step.prepend == PrependScheme::kAlways || head_bytes > 0;
}

Pieces apply_step(const Metaspace& step, const Pieces& input, MatchWorkspace& workspace) {
  const Pattern space = Pattern::literal(" ");
  const Split before_each{Pattern::literal(step.replacement), SplitBehavior::kMergedWithNext,
                          Delimiters::kMatches};
  Rewriting out(input.text.size() + input.text.size() / 2);
  for (const Span& span : input.spans) {
    const NormalizedText piece{std::string(input.piece(span)), head_of(input, span),
                               part_of(input.origins, span)};
    const NormalizedText marked =
        replace_matches(piece, space.find_all(piece.text, workspace), step.replacement);
    const bool prefix = wants_prefix(step, marked.text, marked.head_bytes);
    const std::size_t head =
        marked.head_bytes + (prefix && marked.head_bytes > 0 ? step.replacement.size() : 0);
    out.add(head, [&](std::string& text, Origins& origins) {
      if (prefix) text += step.replacement;
      text += marked.text;
      if (marked.origins.empty()) return;
      if (prefix) origins.insert(origins.end(), step.replacement.size(), marked.origins.front());
      append_part(origins, marked.origins, {0, marked.text.size()});
    });
  }
  Pieces marked = out.take();
  return step.split ? apply_step(before_each, std::move(marked), workspace) : marked;
}

Split split_from_json(const JsonNode& node) {
  node.allow_keys({"type", "pattern", "behavior", "invert"});
  return {Pattern::from_json(node.at("pattern")), split_behavior_from_json(node.at("behavior")),
          node.at("invert").boolean() ? Delimiters::kGaps : Delimiters::kMatches};
}

Split digits_from_json(const JsonNode& node) {
  node.allow_keys({"type", "individual_digits"});
  const bool individual = node.at("individual_digits").boolean();
  return {Pattern::regex("\\p{N}"), individual ? SplitBehavior::kIsolated : SplitBehavior::kContiguous,
          Delimiters::kMatches};
}

ByteLevel byte_level_from_json(const JsonNode& node) {
  node.allow_keys({"type", "add_prefix_space", "trim_offsets", "use_regex"});
  ByteLevel step{node.at("add_prefix_space").boolean(), {}};
  if (node.boolean_or("use_regex", true)) {
    step.words.push_back({Pattern::regex(kGpt2Words), SplitBehavior::kIsolated, Delimiters::kMatches});
  }
  return step;
}

// Files older than tokenizers 0.16 have add_prefix_space, newer ones prepend_scheme, and some have both.
PrependScheme prepend_scheme_from_json(const JsonNode& node) {
  const bool never_by_flag = !node.boolean_or("add_prefix_space", true);
  const std::optional<JsonNode> scheme = node.find("prepend_scheme");
  if (!scheme) return never_by_flag ? PrependScheme::kNever : PrependScheme::kAlways;
  const std::string& name = scheme->string();
  if (name == "never") return PrependScheme::kNever;
  if (never_by_flag) node.fail("add_prefix_space false contradicts prepend_scheme \"" + name + "\"");
  if (name == "always") return PrependScheme::kAlways;
  if (name == "first") return PrependScheme::kFirst;
  scheme->fail("\"" + name + "\" is not known; accepted: always, first, never");
}

Metaspace metaspace_from_json(const JsonNode& node) {
  node.allow_keys({"type", "replacement", "add_prefix_space", "prepend_scheme", "split", "str_rep"});
  const std::string& replacement = node.at("replacement").string();
  if (replacement.empty() || first_character_bytes(replacement) != replacement.size()) {
    node.at("replacement").fail("must be one character");
  }
  return {replacement, prepend_scheme_from_json(node), node.boolean_or("split", true)};
}

}  // namespace

PreTokenizer PreTokenizer::from_json(const JsonNode& node) {
  PreTokenizer pre_tokenizer;
  pre_tokenizer.add_from_json(node);
  return pre_tokenizer;
}

void PreTokenizer::add_from_json(const JsonNode& node) {
  const std::string& type = node.at("type").string();
  if (type == "Sequence") {
    node.allow_keys({"type", "pretokenizers"});
    for (const JsonNode& child : node.at("pretokenizers").items()) add_from_json(child);
  } else if (type == "Split") {
    steps_.emplace_back(split_from_json(node));
  } else if (type == "Digits") {
    steps_.emplace_back(digits_from_json(node));
  } else if (type == "ByteLevel") {
    steps_.emplace_back(byte_level_from_json(node));
  } else if (type == "Metaspace") {
    steps_.emplace_back(metaspace_from_json(node));
  } else {
    node.fail("the pre-tokenizer \"" + type +
              "\" is not supported; accepted: Sequence, Split, ByteLevel, Digits, Metaspace");
  }
}

Pieces PreTokenizer::apply(NormalizedText input, MatchWorkspace& workspace) const {
  Pieces pieces{std::move(input.text), {}, input.head_bytes, std::move(input.origins)};
  if (!pieces.text.empty()) pieces.spans.push_back({0, pieces.text.size()});
  for (const Step& step : steps_) {
    pieces = std::visit([&](const auto& s) { return apply_step(s, std::move(pieces), workspace); }, step);
  }
  return pieces;
}

}  // namespace kvcompare
