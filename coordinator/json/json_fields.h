// Structs that say what their members are called (common/fields.h) as JSON objects, and back.
//
// A member that its struct lists in kLaterFields is left out if it has its default, and has its default if it
// is left out. A struct within a struct is an object within the object. An optional member that is absent is
// left out. Whole numbers are read strictly. A type with a form of its own has overloads of json_value() and
// get_value() beside it, in namespace kvcompare.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <concepts>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "common/fields.h"
#include "common/ids.h"
#include "common/utc_time.h"
#include "coordinator/json/json_text.h"
#include "coordinator/json/json_whole_number.h"

namespace kvcompare {

template <HasFields Struct>
void put_fields(OrderedJson& object, const Struct& fields);
template <HasFields Struct>
void get_fields(const OrderedJson& object, Struct& fields);

// ---- a value

template <class Value>
OrderedJson json_value(const Value& value) {
  if constexpr (HasFields<Value>) {
    auto object = OrderedJson::object();
    put_fields(object, value);
    return object;
  } else {
    return value;
  }
}
template <class Tag>
OrderedJson json_value(const Index<Tag>& index) {
  return index.value;
}
inline OrderedJson json_value(std::chrono::system_clock::time_point time) { return utc_text(time); }
template <class Value>
OrderedJson json_value(const std::vector<Value>& values) {
  if constexpr (std::is_arithmetic_v<Value>) return values;
  auto list = OrderedJson::array();
  for (const auto& value : values) list.push_back(json_value(value));
  return list;
}

template <class Value>
void get_value(const OrderedJson& json, Value& value) {
  if constexpr (HasFields<Value>)
    get_fields(json, value);
  else if constexpr (std::integral<Value> && !std::same_as<Value, bool>)
    value = whole_number<Value>(json);
  else
    json.get_to(value);
}
template <class Tag>
void get_value(const OrderedJson& json, Index<Tag>& index) {
  get_value(json, index.value);
}
inline void get_value(const OrderedJson& json, std::chrono::system_clock::time_point& time) {
  time = parse_utc(json.get<std::string>());
}
template <class Value>
void get_value(const OrderedJson& json, std::vector<Value>& values) {
  values.clear();
  for (const auto& item : json.get_ref<const OrderedJson::array_t&>()) get_value(item, values.emplace_back());
}
template <class Value, std::size_t n>
void get_value(const OrderedJson& json, std::array<Value, n>& values) {
  const auto& items = json.get_ref<const OrderedJson::array_t&>();
  if (items.size() != n)
    throw std::invalid_argument("holds a list of " + std::to_string(items.size()) + ", expected " +
                                std::to_string(n));
  for (std::size_t i = 0; i < n; ++i) get_value(items[i], values[i]);
}

// ---- a member of an object

template <class Value>
void put_member(OrderedJson& object, const char* name, const Value& value) {
  object[name] = json_value(value);
}
template <class Value>
void put_member(OrderedJson& object, const char* name, const std::optional<Value>& value) {
  if (value) object[name] = json_value(*value);
}

// Throws nlohmann::json::exception or std::invalid_argument, as all that reads does.
template <class Value>
void get_member(const OrderedJson& object, const char* name, Value& value) {
  get_value(object.at(name), value);
}
template <class Value>
void get_member(const OrderedJson& object, const char* name, std::optional<Value>& value) {
  if (object.contains(name)) get_value(object.at(name), value.emplace());
}

// ---- all members

template <class Struct>
constexpr bool is_later_field(std::string_view name) {
  if constexpr (requires { Struct::kLaterFields; })
    return std::ranges::find(Struct::kLaterFields, name) != Struct::kLaterFields.end();
  else
    return false;
}

template <HasFields Struct>
void put_fields(OrderedJson& object, const Struct& fields) {
  for_each_field(fields, [&](const char* name, const auto& value) { put_member(object, name, value); });
  if constexpr (requires { Struct::kLaterFields; }) {
    auto defaults = OrderedJson::object();
    const Struct of_defaults{};
    for_each_field(of_defaults,
                   [&](const char* name, const auto& value) { put_member(defaults, name, value); });
    for (const char* name : Struct::kLaterFields)
      if (object.value(name, OrderedJson()) == defaults.value(name, OrderedJson())) object.erase(name);
  }
}

template <HasFields Struct>
void get_fields(const OrderedJson& object, Struct& fields) {
  for_each_field(fields, [&](const char* name, auto& value) {
    if (object.contains(name) || !is_later_field<Struct>(name)) get_member(object, name, value);
  });
}

}  // namespace kvcompare
