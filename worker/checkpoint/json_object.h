// A JSON object of a checkpoint, read key by key; every complaint names file and key.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

namespace kvcompare {

// What a value is, for a message: "the string 'abc'", "an object".
std::string describe(const nlohmann::json& value);

class JsonObject {
 public:
  // `prefix` is how messages call the keys of a nested object: "rope_scaling.".
  JsonObject(nlohmann::json object, std::string file, std::string prefix = "");

  // Throws CheckpointError if the file cannot be read or holds no object.
  static JsonObject read_file(const std::filesystem::path& path);

  const std::string& file() const { return file_; }
  const nlohmann::json& json() const { return object_; }
  bool has_key(const std::string& key) const { return object_.contains(key); }
  bool has_value(const std::string& key) const;  // there and not null

  // Throw CheckpointError if the value is missing, null, of another type or out of range.
  std::int64_t integer(const std::string& key, std::int64_t lowest, std::int64_t highest) const;
  double finite_number(const std::string& key) const;
  std::string text(const std::string& key) const;
  bool boolean(const std::string& key) const;
  JsonObject object(const std::string& key) const;

  [[noreturn]] void refuse(const std::string& key, const std::string& problem) const;

 private:
  const nlohmann::json& value(const std::string& key, const std::string& expected) const;

  nlohmann::json object_;
  std::string file_;
  std::string prefix_;
};

}  // namespace kvcompare
