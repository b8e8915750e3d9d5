// The "post_processor" of tokenizer.json: TemplateProcessing, Sequence, and ByteLevel (which changes offsets
// only).
#pragma once

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "common/data/encoded_text.h"
#include "common/ids.h"

namespace kvcompare {

class JsonNode;

class PostProcessor {
 public:
  // Throws CheckpointError naming a type or key that is not supported.
  static PostProcessor from_json(const JsonNode& node);

  PostProcessor() = default;  // adds nothing
  std::vector<TokenId> apply(std::vector<TokenId> ids, SpecialTokens special) const;
  EncodedText apply(EncodedText text, SpecialTokens special) const;  // special tokens stand for no byte
  std::optional<std::uint32_t> largest_id() const;

 private:
  struct TextGoesHere {};
  using SpecialIds = std::vector<std::uint32_t>;
  using Part = std::variant<TextGoesHere, SpecialIds>;
  static Part part_from_json(const JsonNode& piece, const JsonNode& special_tokens);
  static std::vector<Part> template_from_json(const JsonNode& node);
  void add_from_json(const JsonNode& node);
  // of_special : what stands for a special token, by its id
  template <class Item, class OfSpecial>
  std::vector<Item> arranged(std::vector<Item> items, SpecialTokens special,
                             const OfSpecial& of_special) const;

  std::optional<std::vector<Part>> template_;  // "single"
};

}  // namespace kvcompare
