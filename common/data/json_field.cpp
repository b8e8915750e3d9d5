#include "common/data/json_field.h"

#include <algorithm>
#include <charconv>
#include <string_view>

namespace kvcompare {
namespace {

using json = nlohmann::json;

json* element(json& array, std::string_view number) {
  std::size_t at = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), at);
  const bool is_number = error == std::errc() && end == number.data() + number.size();
  return is_number && at < array.size() ? &array[at] : nullptr;
}

json* child(json& parent, const std::string& name) {
  if (parent.is_array()) return element(parent, name);
  if (!parent.is_object()) return nullptr;
  const auto found = parent.find(name);
  return found == parent.end() ? nullptr : &*found;
}

}  // namespace

json* find_field(json& object, const std::string& name) {
  auto* found = child(object, name);
  if (found == nullptr && name.find('.') != std::string::npos) {
    found = &object;
    for (std::size_t begin = 0; found != nullptr && begin <= name.size();) {
      const auto end = std::min(name.find('.', begin), name.size());
      found = child(*found, name.substr(begin, end - begin));
      begin = end + 1;
    }
  }
  return found == nullptr || found->is_null() ? nullptr : found;
}

const json* find_field(const json& object, const std::string& name) {
  return find_field(const_cast<json&>(object), name);  // which changes nothing
}

}  // namespace kvcompare
