#include "worker/checkpoint/families/json_config_keys.h"

#include <limits>

namespace kvcompare {
namespace {

constexpr std::int64_t kMaxSize = std::numeric_limits<std::int32_t>::max();  // products of two fit in 64 bits

}  // namespace

bool ConfigKeys::has_key(const std::string& key) {
  asked_for_.insert(key);
  return config_.has_key(key);
}

bool ConfigKeys::has_value(const std::string& key) {
  asked_for_.insert(key);
  return config_.has_value(key);
}

std::int64_t ConfigKeys::size(const std::string& key, std::optional<std::int64_t> otherwise) {
  if (!has_key(key) && otherwise) return *otherwise;
  return config_.integer(key, 1, kMaxSize);
}

std::optional<std::int64_t> ConfigKeys::size_or_null(const std::string& key,
                                                     std::optional<std::int64_t> missing) {
  if (!has_key(key)) return missing;
  if (!has_value(key)) return std::nullopt;
  return config_.integer(key, 1, kMaxSize);
}

double ConfigKeys::number(const std::string& key, double otherwise) {
  return has_key(key) ? config_.finite_number(key) : otherwise;
}

double ConfigKeys::positive(const std::string& key, double otherwise) {
  const double value = number(key, otherwise);
  if (!(value > 0)) refuse(key, "is " + describe(config_.json().at(key)) + "; expected a number above 0");
  return value;
}

bool ConfigKeys::flag(const std::string& key, bool otherwise) {
  return has_key(key) ? config_.boolean(key) : otherwise;
}

bool ConfigKeys::flag_or_null(const std::string& key) { return has_value(key) && config_.boolean(key); }

std::string ConfigKeys::text(const std::string& key, const std::string& otherwise) {
  return has_key(key) ? config_.text(key) : otherwise;
}

}  // namespace kvcompare
