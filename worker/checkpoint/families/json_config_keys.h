// config.json as a family of models reads it: key by key, with the defaults of the family. Remembers which
// keys were asked for.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "worker/checkpoint/json_object.h"

namespace kvcompare {

class ConfigKeys {
 public:
  explicit ConfigKeys(const JsonObject& config) : config_(config) {}

  const JsonObject& config() const { return config_; }
  const std::set<std::string>& asked_for() const { return asked_for_; }

  // Marks keys as the family's own, which another reader looks at, or which change nothing.
  void claim(const std::vector<std::string>& keys) { asked_for_.insert(keys.begin(), keys.end()); }

  bool has_key(const std::string& key);
  bool has_value(const std::string& key);  // there and not null

  // An integer of at least 1. Without a default the key must be there; null is refused.
  std::int64_t size(const std::string& key, std::optional<std::int64_t> otherwise = std::nullopt);
  // Absent where the key is missing, as `missing` says, or null.
  std::optional<std::int64_t> size_or_null(const std::string& key,
                                           std::optional<std::int64_t> missing = std::nullopt);
  double number(const std::string& key, double otherwise);
  double positive(const std::string& key, double otherwise);
  bool flag(const std::string& key, bool otherwise);
  bool flag_or_null(const std::string& key);  // false where the key is missing or null
  std::string text(const std::string& key, const std::string& otherwise);

  [[noreturn]] void refuse(const std::string& key, const std::string& problem) const {
    config_.refuse(key, problem);
  }

 private:
  const JsonObject& config_;
  std::set<std::string> asked_for_;
};

}  // namespace kvcompare
