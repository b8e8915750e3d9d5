// A value of a JSON file together with its place, so that every error message names file and key.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace kvcompare {

// Refers to the parsed document and the file name, which must both outlive the node. All members throw
// CheckpointError.
class JsonNode {
 public:
  JsonNode(const std::string& file, const nlohmann::json& document) : file_(&file), value_(&document) {}

  [[noreturn]] void fail(const std::string& problem) const;

  const std::string& file() const { return *file_; }
  bool is_string() const { return value_->is_string(); }
  const nlohmann::json& value() const { return *value_; }

  bool has(std::string_view key) const;                      // present and not null
  JsonNode at(std::string_view key) const;                   // required, not null
  std::optional<JsonNode> find(std::string_view key) const;  // std::nullopt if absent or null
  std::vector<JsonNode> items() const;                       // of an array

  const std::string& string() const;
  bool boolean() const;
  std::uint32_t token_id() const;  // an integer in [0, 2^31)

  bool boolean_or(std::string_view key, bool otherwise) const;

  // Throws, naming the key, if this object has any other key.
  void allow_keys(std::initializer_list<std::string_view> keys) const;

 private:
  struct Place;  // the place of a value inside its parent; the text is made only when it is needed
  JsonNode(const JsonNode& parent, std::string key, const nlohmann::json* value);
  const nlohmann::json& object() const;

  const std::string* file_;
  std::shared_ptr<const Place> place_;  // null for the document; shared with the values inside of this value
  const nlohmann::json* value_;
};

}  // namespace kvcompare
