#include "common/tokenizer/post_processor.h"

#include <algorithm>

#include "common/tokenizer/json_node.h"

namespace kvcompare {

PostProcessor PostProcessor::from_json(const JsonNode& node) {
  PostProcessor processor;
  processor.add_from_json(node);
  return processor;
}

void PostProcessor::add_from_json(const JsonNode& node) {
  const std::string& type = node.at("type").string();
  if (type == "Sequence") {
    node.allow_keys({"type", "processors"});
    for (const JsonNode& child : node.at("processors").items()) add_from_json(child);
  } else if (type == "ByteLevel") {
    node.allow_keys({"type", "add_prefix_space", "trim_offsets", "use_regex"});
  } else if (type == "TemplateProcessing") {
    node.allow_keys({"type", "single", "pair", "special_tokens"});
    if (template_) node.fail("a second TemplateProcessing is not supported");
    template_ = template_from_json(node);
  } else {
    node.fail("the post-processor \"" + type +
              "\" is not supported; accepted: Sequence, ByteLevel, TemplateProcessing");
  }
}

std::vector<PostProcessor::Part> PostProcessor::template_from_json(const JsonNode& node) {
  std::vector<Part> parts;
  for (const JsonNode& piece : node.at("single").items()) {
    parts.push_back(part_from_json(piece, node.at("special_tokens")));
  }
  return parts;
}

PostProcessor::Part PostProcessor::part_from_json(const JsonNode& piece, const JsonNode& special_tokens) {
  piece.allow_keys({"SpecialToken", "Sequence"});
  if (const auto sequence = piece.find("Sequence")) {
    if (sequence->at("id").string() != "A") sequence->fail("only the sequence \"A\" can be in \"single\"");
    return TextGoesHere{};
  }
  const std::string& name = piece.at("SpecialToken").at("id").string();
  SpecialIds ids;
  for (const JsonNode& id : special_tokens.at(name).at("ids").items()) ids.push_back(id.token_id());
  return ids;
}

template <class Item, class OfSpecial>
std::vector<Item> PostProcessor::arranged(std::vector<Item> items, SpecialTokens special,
                                          const OfSpecial& of_special) const {
  if (!template_) return items;
  std::vector<Item> result;
  result.reserve(items.size() + template_->size());
  for (const Part& part : *template_) {
    if (std::holds_alternative<TextGoesHere>(part))
      result.insert(result.end(), items.begin(), items.end());
    else if (special == SpecialTokens::kAdd)
      for (const std::uint32_t id : std::get<SpecialIds>(part)) result.push_back(of_special(id));
  }
  return result;
}

std::vector<TokenId> PostProcessor::apply(std::vector<TokenId> ids, SpecialTokens special) const {
  return arranged(std::move(ids), special, [](std::uint32_t id) { return TokenId{id}; });
}

EncodedText PostProcessor::apply(EncodedText text, SpecialTokens special) const {
  return {apply(std::move(text.ids), special),
          arranged(std::move(text.bytes), special, [](std::uint32_t) { return Range{}; })};
}

std::optional<std::uint32_t> PostProcessor::largest_id() const {
  std::optional<std::uint32_t> largest;
  if (!template_) return largest;
  for (const Part& part : *template_) {
    const auto* special = std::get_if<SpecialIds>(&part);
    if (special == nullptr) continue;
    for (const std::uint32_t id : *special) largest = std::max(largest.value_or(0), id);
  }
  return largest;
}

}  // namespace kvcompare
