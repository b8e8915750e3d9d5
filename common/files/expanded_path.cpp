#include "common/files/expanded_path.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <system_error>

#include <pwd.h>
#include <unistd.h>

#include "common/errors.h"

namespace kvcompare {
namespace {

bool is_of_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// The home folder of the user with this name, or of the current user if the name is empty. Absent if it is
// not known.
std::optional<std::string> home_of(const std::string& user) {
  if (user.empty())
    if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0') return home;
  const passwd* entry = user.empty() ? ::getpwuid(::getuid()) : ::getpwnam(user.c_str());
  return entry == nullptr ? std::nullopt : std::optional<std::string>(entry->pw_dir);
}

std::string with_home(const std::string& path) {
  if (!path.starts_with('~')) return path;
  const std::size_t slash = std::min(path.find('/'), path.size());
  const auto home = home_of(path.substr(1, slash - 1));
  return home ? *home + path.substr(slash) : path;
}

std::string value_of(const std::string& name, const std::string& path, const std::string& origin) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr)
    throw ConfigError(origin, "'" + path + "' names the environment variable " + name +
                                  ", which is not set; set it, or write the path itself");
  return value;
}

// A `$` without a name after it stands for itself.
std::string with_variables(const std::string& path, const std::string& origin) {
  std::string result;
  for (std::size_t at = 0; at < path.size();) {
    const bool has_brace = path.compare(at, 2, "${") == 0;
    const std::size_t begin = at + (has_brace ? 2 : 1);
    std::size_t end = begin;
    while (path[at] == '$' && end < path.size() && (has_brace ? path[end] != '}' : is_of_name(path[end])))
      ++end;
    if (end == begin || (has_brace && end == path.size())) {
      result += path[at++];
      continue;
    }
    result += value_of(path.substr(begin, end - begin), path, origin);
    at = end + (has_brace ? 1 : 0);
  }
  return result;
}

}  // namespace

std::string expanded_path(const std::string& path, const std::string& origin) {
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored)) return path;
  return with_variables(with_home(path), origin);
}

}  // namespace kvcompare
