#include "common/tokenizer/normalizer.h"

#include <algorithm>

#include <utf8proc.h>

#include "common/tokenizer/json_node.h"
#include "common/utf8.h"
#include "common/white_space.h"

namespace kvcompare {
namespace {

// Text that the form rewrites together stands for all of the text that it is made of.
Origins origins_in_form(const NormalizedText& input, UnicodeForm form) {
  Origins origins;
  std::size_t at = 0;
  for (const FormBlock& block : form_blocks(input.text, form)) {
    const Span source{at, at + block.n_bytes};
    if (block.is_unchanged)
      append_part(origins, input.origins, source);
    else
      origins.insert(origins.end(), block.n_formed_bytes, joined(input.origins, source));
    at = source.end;
  }
  return origins;
}

NormalizedText apply_step(const UnicodeNormalizer& step, NormalizedText input, MatchWorkspace&) {
  if (!input.origins.empty()) input.origins = origins_in_form(input, step.form);
  input.text = to_unicode_form(std::move(input.text), step.form);
  if (input.head_bytes > 0) input.head_bytes = first_character_bytes(input.text);
  return input;
}

NormalizedText apply_step(const Prepend& step, NormalizedText input, MatchWorkspace&) {
  if (input.text.empty()) return input;
  input.text.insert(0, step.text);
  if (!input.origins.empty())
    input.origins.insert(input.origins.begin(), step.text.size(), Origin(input.origins.front()));
  if (input.head_bytes > 0) input.head_bytes += step.text.size();
  return input;
}

NormalizedText apply_step(const Replace& step, const NormalizedText& input, MatchWorkspace& workspace) {
  return replace_matches(input, step.pattern.find_all(input.text, workspace), step.content);
}

NormalizedText apply_step(const Strip& step, const NormalizedText& input, MatchWorkspace&) {
  std::size_t begin = 0;
  std::size_t end = input.text.size();
  while (step.left && begin < end) {
    const CodePoint c = decode_utf8(input.text, begin);
    if (!is_white_space(c.value)) break;
    begin += c.n_bytes;
  }
  while (step.right && end > begin) {
    const CodePoint c = decode_utf8_before(input.text, end);
    if (!is_white_space(c.value)) break;
    end -= c.n_bytes;
  }
  return {input.text.substr(begin, end - begin), input.head_bytes - std::min(begin, input.head_bytes),
          part_of(input.origins, {begin, end})};
}

NormalizedText apply_step(const Lowercase&, const NormalizedText& input, MatchWorkspace&) {
  NormalizedText output;
  output.text.reserve(input.text.size());
  for (std::size_t at = 0; at < input.text.size();) {
    const CodePoint c = decode_utf8(input.text, at);
    // The only character whose lower case is longer than one character.
    output.text +=
        c.value == 0x130
            ? "i\u0307"
            : encode_utf8(static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c.value))));
    if (!input.origins.empty()) output.origins.resize(output.text.size(), input.origins[at]);
    at += c.n_bytes;
    if (at <= input.head_bytes) output.head_bytes = output.text.size();
  }
  return output;
}

std::optional<UnicodeForm> unicode_form(std::string_view type) {
  if (type == "NFC") return UnicodeForm::kNfc;
  if (type == "NFD") return UnicodeForm::kNfd;
  if (type == "NFKC") return UnicodeForm::kNfkc;
  if (type == "NFKD") return UnicodeForm::kNfkd;
  return std::nullopt;
}

}  // namespace

NormalizedText replace_matches(const NormalizedText& input, const std::vector<Span>& matches,
                               std::string_view content) {
  // An empty match replaces nothing: what it inserts stands for the character that follows, or for the last
  // one.
  const auto origin_of_replaced = [](const Origins& origins, const Span& match) {
    if (match.begin < match.end) return joined(origins, match);
    return origins[std::min(match.begin, origins.size() - 1)];
  };
  NormalizedText output;
  output.text.reserve(input.text.size() + matches.size() * content.size());
  std::size_t copied = 0;
  const auto append = [&output](std::string_view text, std::size_t n_head) {
    output.text += text;
    output.head_bytes += n_head;
  };
  const auto copy_until = [&](std::size_t end) {
    const std::size_t head_end = std::clamp(input.head_bytes, copied, end);
    append(std::string_view(input.text).substr(copied, end - copied), head_end - copied);
    append_part(output.origins, input.origins, {copied, end});
  };
  for (const Span& match : matches) {
    copy_until(match.begin);
    // New text takes the place of the last replaced byte.
    const bool in_head = input.head_bytes > 0 && match.end <= input.head_bytes;
    append(content, in_head ? content.size() : 0);
    if (!input.origins.empty())
      output.origins.insert(output.origins.end(), content.size(), origin_of_replaced(input.origins, match));
    copied = match.end;
  }
  copy_until(input.text.size());
  return output;
}

Normalizer Normalizer::from_json(const JsonNode& node) {
  Normalizer normalizer;
  normalizer.add_from_json(node);
  return normalizer;
}

void Normalizer::add_from_json(const JsonNode& node) {
  const std::string& type = node.at("type").string();
  if (type == "Sequence") {
    node.allow_keys({"type", "normalizers"});
    for (const JsonNode& child : node.at("normalizers").items()) add_from_json(child);
  } else if (const auto form = unicode_form(type)) {
    node.allow_keys({"type"});
    steps_.emplace_back(UnicodeNormalizer{*form});
  } else if (type == "Prepend") {
    node.allow_keys({"type", "prepend"});
    steps_.emplace_back(Prepend{node.at("prepend").string()});
  } else if (type == "Replace") {
    node.allow_keys({"type", "pattern", "content"});
    steps_.emplace_back(Replace{Pattern::from_json(node.at("pattern")), node.at("content").string()});
  } else if (type == "Strip") {
    node.allow_keys({"type", "strip_left", "strip_right"});
    steps_.emplace_back(Strip{node.at("strip_left").boolean(), node.at("strip_right").boolean()});
  } else if (type == "Lowercase") {
    node.allow_keys({"type"});
    steps_.emplace_back(Lowercase{});
  } else {
    node.fail(
        "the normalizer \"" + type +
        "\" is not supported; accepted: Sequence, NFC, NFD, NFKC, NFKD, Prepend, Replace, Strip, Lowercase");
  }
}

NormalizedText Normalizer::apply(NormalizedText input, MatchWorkspace& workspace) const {
  for (const Step& step : steps_) {
    input = std::visit([&](const auto& s) { return apply_step(s, std::move(input), workspace); }, step);
  }
  return input;
}

}  // namespace kvcompare
