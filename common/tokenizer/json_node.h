// A value of a JSON file that knows its place, so that every complaint names file and key.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace kvcompare {

// Refers to the parsed document and the file name; both must outlive it. All members throw CheckpointError.
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

  // Refuses every other key of this object by name.
  void allow_keys(std::initializer_list<std::string_view> keys) const;

 private:
  JsonNode(const std::string* file, std::string path, const nlohmann::json* value)
      : file_(file), path_(std::move(path)), value_(value) {}
  const nlohmann::json& object() const;

  const std::string* file_;
  std::string path_;  // "pre_tokenizer.pretokenizers[1]"; empty for the document
  const nlohmann::json* value_;
};

}  // namespace kvcompare
