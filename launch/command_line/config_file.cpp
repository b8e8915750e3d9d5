#include "launch/command_line/config_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>
#include <utility>

#include <nlohmann/json.hpp>

#include "common/errors.h"
#include "common/files/expanded_path.h"
#include "launch/command_line/flag_table.h"
#include "launch/command_line/nearest_name.h"

namespace kvcompare {
namespace {

using Json = nlohmann::ordered_json;

// Reads `text` for the JSON parser and knows how far the parser is.
class CountingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator(const std::string& text, std::size_t* position) : text_(&text), position_(position) {}
  explicit CountingIterator(const std::string& text) : text_(&text) {}  // the end

  reference operator*() const { return (*text_)[*position_]; }
  CountingIterator& operator++() {
    ++*position_;
    return *this;
  }
  CountingIterator operator++(int) {
    const CountingIterator before = *this;
    ++*this;
    return before;
  }
  friend bool operator==(const CountingIterator& a, const CountingIterator& b) {
    return a.offset() == b.offset();
  }

 private:
  std::size_t offset() const { return position_ == nullptr ? text_->size() : *position_; }

  const std::string* text_;
  std::size_t* position_ = nullptr;
};

struct Entry {
  std::string key;
  std::ptrdiff_t line;
};

struct Document {
  Json values;
  std::vector<Entry> entries;  // keys of the outermost object, repeated ones included
};

// Counts lines up to offsets that do not descend, each line once.
class LineCounter {
 public:
  explicit LineCounter(const std::string& text) : text_(text) {}

  std::ptrdiff_t line_at(std::size_t offset) {
    const auto end = std::min(offset, text_.size());
    for (; counted_ < end; ++counted_)
      if (text_[counted_] == '\n') ++line_;
    return line_;
  }

 private:
  const std::string& text_;
  std::size_t counted_ = 0;
  std::ptrdiff_t line_ = 1;
};

std::string at_line(const std::filesystem::path& path, std::ptrdiff_t line) {
  return path.string() + ":" + std::to_string(line);
}

constexpr std::size_t kMostBytes = 16 << 20;

std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text;
  std::array<char, 1 << 16> block{};
  while (text.size() <= kMostBytes && (file.read(block.data(), block.size()) || file.gcount() > 0))
    text.append(block.data(), static_cast<std::size_t>(file.gcount()));
  if (text.size() > kMostBytes)
    throw ConfigError("--config", "'" + path.string() + "' holds more than " +
                                      std::to_string(kMostBytes >> 20) +
                                      R"( MiB; give a JSON file such as {"chunk_size": 128})");
  if (text.empty())
    throw ConfigError("--config",
                      "cannot read '" + path.string() +
                          "': " + (errno != 0 ? std::strerror(errno) : "it is empty") +
                          R"(; give a JSON file such as {"chunk_size": 128, "methods": ["random"]})");
  return text;
}

// detailed_results.json itself: the flags of its run are in there.
constexpr const char* kConfigOfResults = "config";

bool is_results(const Json& values) {
  return values.contains("schema_version") && values.contains(kConfigOfResults) &&
         values.at(kConfigOfResults).is_object();
}

Document parse(const std::filesystem::path& path, const std::string& text) {
  Document document;
  std::size_t position = 0;
  std::vector<Entry> in_config;
  LineCounter lines(text);
  const auto note_key = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (event != Json::parse_event_t::key || depth > 2) return true;
    const Entry entry{parsed.get<std::string>(), lines.line_at(position)};
    if (depth == 1) {
      document.entries.push_back(entry);
      if (entry.key == kConfigOfResults) in_config.clear();  // of two, the later counts
    } else if (!document.entries.empty() && document.entries.back().key == kConfigOfResults) {
      in_config.push_back(entry);  // without an entry, the outermost value is an array
    }
    return true;
  };
  try {
    document.values = Json::parse(CountingIterator(text, &position), CountingIterator(text), note_key);
  } catch (const Json::parse_error& error) {
    const std::string what = error.what();  // "[json.exception.parse_error.101] parse error at ...: problem"
    const std::size_t problem = what.find(": ");
    throw ConfigError(at_line(path, LineCounter(text).line_at(error.byte > 0 ? error.byte - 1 : 0)),
                      "no valid JSON: " + (problem == std::string::npos ? what : what.substr(problem + 2)));
  } catch (const Json::exception& error) {
    const std::string what = error.what();  // "[json.exception.out_of_range.406] problem"
    throw ConfigError(at_line(path, lines.line_at(position)),
                      "no valid JSON: " + what.substr(what.find("] ") + 2));
  }
  if (!document.values.is_object())
    throw ConfigError(at_line(path, 1), std::string("holds a JSON ") + document.values.type_name() +
                                            R"(; give an object such as {"chunk_size": 128})");
  if (is_results(document.values)) {
    // Moved, not copied: copying is recursive, and values may nest as deep as the file is long.
    Json config = std::move(document.values.at(kConfigOfResults));
    document.values = std::move(config);
    document.entries = std::move(in_config);
  }
  return document;
}

std::string expected_type(FlagKind kind) {
  switch (kind) {
    case FlagKind::kText:
      return "a string";
    case FlagKind::kWholeNumber:
      return "a whole number without quotes";
    case FlagKind::kNumber:
      return "a number without quotes";
    case FlagKind::kSwitch:
      return "true or false";
    case FlagKind::kList:
      return "a string or a list of strings";
  }
  return "";
}

std::string shown(const Json& value) {
  return value.is_object() || value.is_array() ? std::string("a JSON ") + value.type_name()
                                               : value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

bool fits(const Json& value, FlagKind kind) {
  switch (kind) {
    case FlagKind::kText:
    case FlagKind::kList:
      return value.is_string();
    case FlagKind::kWholeNumber:
      return value.is_number_integer();
    case FlagKind::kNumber:
      return value.is_number();
    case FlagKind::kSwitch:
      return value.is_boolean();
  }
  return false;
}

std::string text_of(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

// The value as the command line would give it. Throws ConfigError naming origin.
std::string as_text(const Json& value, const Flag& flag, const std::string& origin) {
  const auto kind = flag.value.kind;
  const auto expanded = [&](const Json& one) {
    if (!fits(one, kind))
      throw ConfigError(origin, shown(one) + " is not accepted; give " + expected_type(kind) +
                                    (flag.value.takes_list ? ", or a list of them" : ""));
    return flag.is_path ? expanded_path(text_of(one), origin) : text_of(one);
  };
  if (!value.is_array() || (!flag.value.takes_list && kind != FlagKind::kList)) return expanded(value);
  std::string text;
  for (const Json& item : value) {
    const auto one = expanded(item);
    if (flag.value.takes_list && one.find(',') != std::string::npos)
      throw ConfigError(origin, "'" + one + "' holds a comma, which separates the values of this flag");
    text += (text.empty() ? "" : ",") + one;
  }
  if (text.empty() && flag.value.takes_list)
    throw ConfigError(origin, "is an empty list; give a value, or leave the key out");
  return text;
}

}  // namespace

std::vector<GivenValue> read_config_file(const std::filesystem::path& path, const std::vector<Flag>& flags) {
  errno = 0;
  const std::string text = read_text(path);
  const Document document = parse(path, text);
  std::vector<GivenValue> given;
  std::set<const Flag*> seen;
  for (const auto& [key, line] : document.entries) {
    const std::string origin = at_line(path, line) + ": " + key;
    const Flag* flag = find_flag(flags, key);
    if (flag == nullptr)
      throw ConfigError(origin, "is no known key; " + suggestion(key, flag_names(flags)) +
                                    "`kvcompare --help` lists all, with or without '--'");
    if (!seen.insert(flag).second) throw ConfigError(origin, "is given twice; '-' and '_' are the same");
    const Json& value = document.values.at(key);
    if (value.is_null()) continue;
    auto value_text = as_text(value, *flag, origin);
    if (value_text.find('\0') != std::string::npos)
      throw ConfigError(origin, "holds a NUL character, which no path or name can have");
    given.push_back({flag, origin, std::move(value_text)});
  }
  return given;
}

}  // namespace kvcompare
