#include "worker/checkpoint/json_object.h"

#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <sstream>
#include <utility>

#include "common/data/git_lfs.h"
#include "common/data/non_finite_numbers.h"
#include "common/errors.h"
#include "common/json_error.h"
#include "common/path_on_disk.h"

namespace kvcompare {
namespace {

constexpr int kMaxDepth = 64;  // copying a value is recursive

std::string read_text(const std::filesystem::path& path) {
  refuse_irregular_file(path);
  std::ifstream file(path, std::ios::binary);
  if (!file)
    throw CheckpointError(path.string(), "", std::string("cannot be opened: ") + std::strerror(errno));
  std::ostringstream text;
  text << file.rdbuf();
  if (file.bad()) throw CheckpointError(path.string(), "", "cannot be read");
  return std::move(text).str();
}

nlohmann::json parsed_strictly(const std::string& text, const std::filesystem::path& path) {
  return nlohmann::json::parse(text, [&](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
    if (depth > kMaxDepth) throw CheckpointError(path.string(), "", "values nested too deeply");
    return true;
  });
}

// Accepts what Python writes in a value that nobody reads here.
nlohmann::json parsed(const std::string& text, const std::filesystem::path& path) {
  try {
    return parsed_strictly(text, path);
  } catch (const nlohmann::json::exception&) {
    const auto finite = without_non_finite(text);
    if (!finite) throw;
    return parsed_strictly(*finite, path);
  }
}

}  // namespace

std::string describe(const nlohmann::json& value) {
  if (value.is_object()) return "an object";
  if (value.is_array()) return "an array";
  if (value.is_string()) return "the string '" + value.get<std::string>().substr(0, 80) + "'";
  return value.dump();
}

JsonObject::JsonObject(nlohmann::json object, std::string file, std::string prefix)
    : object_(std::move(object)), file_(std::move(file)), prefix_(std::move(prefix)) {}

JsonObject JsonObject::read_file(const std::filesystem::path& path) {
  const std::string text = read_text(path);
  if (is_git_lfs_pointer(text)) throw CheckpointError(path.string(), "", kGitLfsProblem);
  if (text.find('\0') != std::string::npos)
    throw CheckpointError(path.string(), "", "not valid JSON: holds a NUL byte");
  try {
    nlohmann::json value = parsed(text, path);
    if (!value.is_object())
      throw CheckpointError(path.string(), "", "holds " + describe(value) + "; expected an object");
    return JsonObject(std::move(value), path.string());
  } catch (const nlohmann::json::exception& error) {
    throw CheckpointError(path.string(), "", "not valid JSON: " + json_problem(error));
  }
}

bool JsonObject::has_value(const std::string& key) const {
  const auto found = object_.find(key);
  return found != object_.end() && !found->is_null();
}

const nlohmann::json& JsonObject::value(const std::string& key, const std::string& expected) const {
  const auto found = object_.find(key);
  if (found == object_.end()) refuse(key, "is missing; expected " + expected);
  return *found;
}

std::int64_t JsonObject::integer(const std::string& key, std::int64_t lowest, std::int64_t highest) const {
  const std::string expected = "an integer from " + std::to_string(lowest) + " to " + std::to_string(highest);
  const nlohmann::json& found = value(key, expected);
  const bool fits =
      found.is_number_integer() &&
      (!found.is_number_unsigned() ||
       found.get<std::uint64_t>() <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()));
  if (!fits || found.get<std::int64_t>() < lowest || found.get<std::int64_t>() > highest)
    refuse(key, "is " + describe(found) + "; expected " + expected);
  return found.get<std::int64_t>();
}

double JsonObject::finite_number(const std::string& key) const {
  const nlohmann::json& found = value(key, "a number");
  if (!found.is_number() || !std::isfinite(found.get<double>()))
    refuse(key, "is " + describe(found) + "; expected a number");
  return found.get<double>();
}

std::string JsonObject::text(const std::string& key) const {
  const nlohmann::json& found = value(key, "a string");
  if (!found.is_string()) refuse(key, "is " + describe(found) + "; expected a string");
  return found.get<std::string>();
}

bool JsonObject::boolean(const std::string& key) const {
  const nlohmann::json& found = value(key, "true or false");
  if (!found.is_boolean()) refuse(key, "is " + describe(found) + "; expected true or false");
  return found.get<bool>();
}

JsonObject JsonObject::object(const std::string& key) const {
  const nlohmann::json& found = value(key, "an object");
  if (!found.is_object()) refuse(key, "is " + describe(found) + "; expected an object");
  return JsonObject(found, file_, prefix_ + key + ".");
}

void JsonObject::refuse(const std::string& key, const std::string& problem) const {
  throw CheckpointError(file_, prefix_ + key, problem);
}

}  // namespace kvcompare
