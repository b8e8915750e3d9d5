#include "launch/command_line/method_list.h"

#include <algorithm>
#include <cctype>
#include <string_view>

#include "common/errors.h"
#include "launch/command_line/flag_value.h"
#include "launch/command_line/nearest_name.h"

namespace kvcompare {
namespace {

using Selection = std::vector<MethodItem>;

std::string trimmed(std::string_view text) {
  const auto is_space = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return std::string(text);
}

// Without empty pieces.
std::vector<std::string> pieces(const std::string& list, char separator) {
  std::vector<std::string> found;
  for (const auto& piece : split_at(list, separator))
    if (std::string text = trimmed(piece); !text.empty()) found.push_back(std::move(text));
  return found;
}

std::string lower_case(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  return name;
}

void append_once(Selection& selection, MethodItem item) {
  if (std::find(selection.begin(), selection.end(), item) == selection.end())
    selection.push_back(std::move(item));
}

// before: the item before it, which may have been meant to take a list
[[noreturn]] void refuse(const std::string& name, const std::string& before, const std::string& origin) {
  std::vector<std::string> spellings{"all", "every"};
  std::string listed = "all, every";
  for (const MethodDescription& method : methods()) {
    spellings.emplace_back(method.name);
    listed += ", " + std::string(method.name);
  }
  for (const MethodDescription& method : methods())
    for (const auto& variant : method.variants) {
      spellings.emplace_back(variant.name);
      listed += ", " + std::string(variant.name);
    }
  const std::string nearest = suggestion(name, spellings);
  if (nearest.empty() && before.find('=') != std::string::npos)
    throw ConfigError(origin,
                      "'" + name + "', after '" + before +
                          "', is no known method; there a parameter has one value. Write an item for each "
                          "value, as in random:seed=1,random:seed=2, or give a list to the parameter's own "
                          "flag, as in --seed 1,2");
  throw ConfigError(origin, "'" + name + "' is no known method; " +
                                (nearest.empty() ? "there are: " : nearest + "There are: ") + listed);
}

// "adakv": a method with some of its flags. Without a method if there is no such name.
MethodItem item_of_variant(const std::string& name, const std::string& spelling) {
  const auto [method, variant] = find_variant(name);
  MethodItem item{.method = method, .fixed = {}, .spelling = spelling};
  if (variant)
    for (const auto& [flag, value] : variant->fixed) item.fixed.emplace_back(flag, value);
  return item;
}

MethodItem item_of(const std::string& spelling, const std::string& before, const std::string& origin) {
  const auto parts = pieces(spelling, ':');
  if (!parts.empty() && (lower_case(parts.front()) == "all" || lower_case(parts.front()) == "every"))
    throw ConfigError(origin,
                      "'" + spelling + "': " + lower_case(parts.front()) +
                          " is several methods and takes no parameters; give the flags of their own, for "
                          "example --compression_ratio 0.25,0.5");
  const MethodDescription* method = parts.empty() ? nullptr : find_method(parts.front());
  MethodItem item{.method = method, .fixed = {}, .spelling = spelling};
  if (method == nullptr && !parts.empty()) item = item_of_variant(parts.front(), spelling);
  if (item.method == nullptr) refuse(parts.empty() ? spelling : parts.front(), before, origin);
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const auto equals = parts[i].find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == parts[i].size())
      throw ConfigError(origin, "'" + spelling + "': '" + parts[i] +
                                    "' is no parameter; write METHOD:PARAMETER=VALUE, for example "
                                    "streaming_llm:n_sink=8:compression_ratio=0.9");
    auto flag = canonical_name(trimmed(std::string_view(parts[i]).substr(0, equals)));
    if (std::ranges::find(item.fixed, flag, &std::pair<std::string, std::string>::first) != item.fixed.end())
      throw ConfigError(origin, "'" + spelling + "' gives " + flag + " twice; give it once");
    item.fixed.emplace_back(std::move(flag), trimmed(std::string_view(parts[i]).substr(equals + 1)));
  }
  return item;
}

}  // namespace

Selection select_methods(const std::string& list, const std::set<std::string>& included,
                         const std::string& origin) {
  const std::vector<std::string> names = pieces(list, ',');
  if (names.empty())
    throw ConfigError(origin, "names no method; give names separated by commas, all, or every");
  Selection selection{{.method = &methods().front()}};
  std::string before;
  for (const std::string& name : names) {
    const bool is_every = lower_case(name) == "every";
    if (is_every || lower_case(name) == "all") {
      for (const MethodDescription& method : methods())
        if (is_every || method.in_all) append_once(selection, {.method = &method});
    } else {
      append_once(selection, item_of(name, before, origin));
    }
    before = name;
  }
  for (const MethodDescription& method : methods())
    if (included.contains(std::string(method.name))) append_once(selection, {.method = &method});
  return selection;
}

}  // namespace kvcompare
