// The "post_processor" of tokenizer.json: TemplateProcessing, Sequence, and ByteLevel (which changes offsets
// only).
#pragma once

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "common/ids.h"

namespace kvcompare {

class JsonNode;

class PostProcessor {
 public:
  // Throws CheckpointError naming a type or key that is not supported.
  static PostProcessor from_json(const JsonNode& node);

  PostProcessor() = default;  // adds nothing
  std::vector<TokenId> with_special_tokens(std::vector<TokenId> ids) const;
  std::vector<TokenId> without_special_tokens(std::vector<TokenId> ids) const;
  std::optional<std::uint32_t> largest_id() const;

 private:
  struct TextGoesHere {};
  using SpecialIds = std::vector<std::uint32_t>;
  using Part = std::variant<TextGoesHere, SpecialIds>;
  static Part part_from_json(const JsonNode& piece, const JsonNode& special_tokens);
  static std::vector<Part> template_from_json(const JsonNode& node);
  void add_from_json(const JsonNode& node);

  std::optional<std::vector<Part>> template_;  // "single"
};

}  // namespace kvcompare
