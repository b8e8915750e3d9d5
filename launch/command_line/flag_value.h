// Text to values, with the range that a flag accepts, and back.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "common/shortest.h"
#include "launch/command_line/flag.h"

namespace kvcompare {

std::optional<double> parse_finite(std::string_view text);
std::optional<bool> parse_switch(std::string_view text);         // true|false|1|0|yes|no|on|off, any case
std::optional<std::int64_t> parse_bytes(std::string_view text);  // 4096, 500MB, 2GiB

// From `least` to `most`, both included. `Number` is an integer type.
template <class Number>
std::optional<Number> parse_whole(std::string_view text, Number least, Number most);

extern template std::optional<int> parse_whole(std::string_view, int, int);
extern template std::optional<std::int64_t> parse_whole(std::string_view, std::int64_t, std::int64_t);
extern template std::optional<std::uint64_t> parse_whole(std::string_view, std::uint64_t, std::uint64_t);

// Positions in a sequence, and counts of them.
inline constexpr std::int64_t kMostTokens = std::numeric_limits<std::int32_t>::max();

// The member of RunSpec, MethodFlags, RunOptions, KvzapTrainingSpec, TokenizeCommand, InspectCommand or
// Settings that a pointer to member names.
template <class AnySettings, class Owner, class Value>
auto& member(AnySettings& settings, Value Owner::*pointer) {
  if constexpr (std::is_same_v<Owner, RunSpec>)
    return settings.spec.*pointer;
  else if constexpr (std::is_same_v<Owner, MethodFlags>)
    return settings.flags.*pointer;
  else if constexpr (std::is_same_v<Owner, RunOptions>)
    return settings.options.*pointer;
  else if constexpr (std::is_same_v<Owner, KvzapTrainingSpec>)
    return settings.training.*pointer;
  else if constexpr (std::is_same_v<Owner, TokenizeCommand>)
    return settings.tokenize.*pointer;
  else if constexpr (std::is_same_v<Owner, InspectCommand>)
    return settings.inspect.*pointer;
  else
    return settings.*pointer;
}

template <class T>
struct Unwrapped {
  using type = T;
};
template <class T>
struct Unwrapped<std::optional<T>> {
  using type = T;
};

// A whole number, or an optional one.
template <class Owner, class Value>
FlagValue whole_number(Value Owner::*pointer, typename Unwrapped<Value>::type least,
                       typename Unwrapped<Value>::type most) {
  return {FlagKind::kWholeNumber, "N",
          "a whole number from " + std::to_string(least) + " to " + std::to_string(most),
          [=](Settings& settings, const std::string& text) {
            const auto number = parse_whole(text, least, most);
            if (number) member(settings, pointer) = *number;
            return number.has_value();
          },
          [=](const Settings& settings) -> std::string {
            const Value& value = member(settings, pointer);
            if constexpr (std::is_integral_v<Value>)
              return std::to_string(value);
            else
              return value ? std::to_string(*value) : "";
          }};
}

// A number for which `fits` holds.
FlagValue number(double MethodFlags::*pointer, std::string accepted, bool (*fits)(double));
FlagValue number(double KvzapTrainingSpec::*pointer, std::string accepted, bool (*fits)(double));

// `choices` may be joined by '|' in the help.
FlagValue choice(std::string Settings::*pointer, const std::vector<std::string>& choices);
FlagValue choice(std::string RunSpec::*pointer, const std::vector<std::string>& choices);
FlagValue choice(std::string RunOptions::*pointer, const std::vector<std::string>& choices);
FlagValue choice(std::string KvzapTrainingSpec::*pointer, const std::vector<std::string>& choices);
FlagValue choice(std::string MethodFlags::*pointer, const std::vector<std::string>& choices);

// "a, b or c" with the separators ", " and " or ".
std::string joined(const std::vector<std::string>& words, const std::string& separator,
                   const std::string& last_separator);
std::string joined(const std::vector<std::string>& words, const std::string& separator);

// Any text but the empty one; std::string, an optional one, or std::filesystem::path.
template <class Owner, class Value>
FlagValue text(Value Owner::*pointer, std::string placeholder, std::string accepted) {
  return {FlagKind::kText, std::move(placeholder), std::move(accepted),
          [=](Settings& settings, const std::string& given) {
            if (!given.empty()) member(settings, pointer) = given;
            return !given.empty();
          },
          [=](const Settings& settings) -> std::string {
            if constexpr (std::is_same_v<Value, std::optional<std::string>>)
              return member(settings, pointer).value_or("");
            else
              return member(settings, pointer);
          }};
}

// The flag `name`, which takes several values of this kind.
FlagValue listed(std::string name, FlagValue one);

// Numbers separated by commas, for each of which `fits` holds.
FlagValue numbers(std::vector<double> RunSpec::*pointer, std::string accepted, bool (*fits)(double));

// Without the spaces around each; empty pieces stay.
std::vector<std::string> split_at(std::string_view text, char separator);

template <class Owner>
FlagValue on_off(bool Owner::*pointer) {
  return {
      FlagKind::kSwitch, "[true|false]", "true or false",
      [=](Settings& settings, const std::string& given) {
        const std::optional<bool> value = parse_switch(given);
        if (value) member(settings, pointer) = *value;
        return value.has_value();
      },
      [=](const Settings& settings) -> std::string { return member(settings, pointer) ? "true" : "false"; }};
}

}  // namespace kvcompare
