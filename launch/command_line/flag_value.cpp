#include "launch/command_line/flag_value.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>

namespace kvcompare {
namespace {

// from_chars accepts no '+', people do.
std::string_view without_plus(std::string_view text) {
  return text.size() > 1 && text[0] == '+' && text[1] != '-' ? text.substr(1) : text;
}

template <class Number>
std::optional<Number> parse_all(std::string_view text) {
  const std::string_view digits = without_plus(text);
  Number value{};
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

bool contains(const std::vector<std::string>& choices, const std::string& text) {
  return std::find(choices.begin(), choices.end(), text) != choices.end();
}

template <class Owner>
FlagValue any_number(double Owner::*pointer, std::string accepted, bool (*fits)(double)) {
  return {FlagKind::kNumber, "X", std::move(accepted),
          [=](Settings& settings, const std::string& given) {
            const std::optional<double> value = parse_finite(given);
            if (!value || !fits(*value)) return false;
            member(settings, pointer) = *value + 0.0;  // -0 becomes 0: they are one value, under one name
            return true;
          },
          [=](const Settings& settings) { return shortest(member(settings, pointer)); }};
}

template <class Owner>
FlagValue any_choice(std::string Owner::*pointer, const std::vector<std::string>& choices) {
  return {FlagKind::kText, joined(choices, "|", "|"), joined(choices, ", ", " or "),
          [=](Settings& settings, const std::string& given) {
            if (contains(choices, given)) member(settings, pointer) = given;
            return contains(choices, given);
          },
          [=](const Settings& settings) { return member(settings, pointer); }};
}

}  // namespace

std::string joined(const std::vector<std::string>& words, const std::string& separator,
                   const std::string& last_separator) {
  std::string result;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) result += i + 1 == words.size() ? last_separator : separator;
    result += words[i];
  }
  return result;
}

std::string joined(const std::vector<std::string>& words, const std::string& separator) {
  return joined(words, separator, separator);
}

std::optional<double> parse_finite(std::string_view text) {
  const std::optional<double> value = parse_all<double>(text);
  return value && std::isfinite(*value) ? value : std::nullopt;
}

std::optional<std::int64_t> parse_bytes(std::string_view text) {
  struct Unit {
    std::string_view name;
    std::int64_t bytes;
  };
  constexpr std::int64_t kKilo = 1000, kKibi = 1024;
  constexpr Unit kUnits[] = {{"KiB", kKibi},
                             {"MiB", kKibi * kKibi},
                             {"GiB", kKibi * kKibi * kKibi},
                             {"TiB", kKibi * kKibi * kKibi * kKibi},
                             {"KB", kKilo},
                             {"MB", kKilo * kKilo},
                             {"GB", kKilo * kKilo * kKilo},
                             {"TB", kKilo * kKilo * kKilo * kKilo},
                             {"B", 1}};
  std::int64_t unit = 1;
  for (const auto& [name, bytes] : kUnits)
    if (text.ends_with(name)) {
      text.remove_suffix(name.size());
      unit = bytes;
      break;
    }
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  const auto number = parse_whole<std::int64_t>(text, 1, kMost / unit);
  return number ? std::optional(*number * unit) : std::nullopt;
}

std::optional<bool> parse_switch(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const char* yes : {"true", "1", "yes", "on"})
    if (lower == yes) return true;
  for (const char* no : {"false", "0", "no", "off"})
    if (lower == no) return false;
  return std::nullopt;
}

template <class Number>
std::optional<Number> parse_whole(std::string_view text, Number least, Number most) {
  const std::optional<Number> value = parse_all<Number>(text);
  return value && *value >= least && *value <= most ? value : std::nullopt;
}

template std::optional<int> parse_whole(std::string_view, int, int);
template std::optional<std::int64_t> parse_whole(std::string_view, std::int64_t, std::int64_t);
template std::optional<std::uint64_t> parse_whole(std::string_view, std::uint64_t, std::uint64_t);

FlagValue number(double MethodFlags::*pointer, std::string accepted, bool (*fits)(double)) {
  return any_number(pointer, std::move(accepted), fits);
}
FlagValue number(double KvzapTrainingSpec::*pointer, std::string accepted, bool (*fits)(double)) {
  return any_number(pointer, std::move(accepted), fits);
}

FlagValue choice(std::string Settings::*pointer, const std::vector<std::string>& choices) {
  return any_choice(pointer, choices);
}
FlagValue choice(std::string RunSpec::*pointer, const std::vector<std::string>& choices) {
  return any_choice(pointer, choices);
}
FlagValue choice(std::string RunOptions::*pointer, const std::vector<std::string>& choices) {
  return any_choice(pointer, choices);
}

FlagValue choice(std::string KvzapTrainingSpec::*pointer, const std::vector<std::string>& choices) {
  return any_choice(pointer, choices);
}

FlagValue choice(std::string MethodFlags::*pointer, const std::vector<std::string>& choices) {
  return any_choice(pointer, choices);
}

std::vector<std::string> split_at(std::string_view text, char separator) {
  std::vector<std::string> pieces;
  for (std::size_t begin = 0; begin <= text.size();) {
    const auto end = std::min(text.find(separator, begin), text.size());
    auto piece = text.substr(begin, end - begin);
    while (piece.starts_with(' ')) piece.remove_prefix(1);
    while (piece.ends_with(' ')) piece.remove_suffix(1);
    pieces.emplace_back(piece);
    begin = end + 1;
  }
  return pieces;
}

FlagValue listed(std::string name, FlagValue one) {
  auto value = one;
  value.placeholder += ",...";
  value.assign_one = one.assign;
  value.takes_list = true;
  value.assign = [name = std::move(name), assign_one = one.assign](Settings& settings,
                                                                   const std::string& given) {
    auto pieces = split_at(given, ',');
    auto scratch = settings;
    for (const auto& piece : pieces)
      if (!assign_one(scratch, piece)) return false;
    if (pieces.size() == 1) assign_one(settings, pieces.front());
    settings.lists[name] = std::move(pieces);
    return true;
  };
  return value;
}

FlagValue numbers(std::vector<double> RunSpec::*pointer, std::string accepted, bool (*fits)(double)) {
  return {.kind = FlagKind::kNumber,
          .placeholder = "X,...",
          .accepted = std::move(accepted),
          .assign =
              [=](Settings& settings, const std::string& given) {
                std::vector<double> values;
                for (const auto& piece : split_at(given, ',')) {
                  const auto value = parse_finite(piece);
                  if (!value || !fits(*value)) return false;
                  values.push_back(*value);
                }
                settings.spec.*pointer = std::move(values);
                return true;
              },
          .shown =
              [=](const Settings& settings) {
                std::string text;
                for (const auto value : settings.spec.*pointer)
                  text += (text.empty() ? "" : ",") + shortest(value);
                return text;
              },
          .assign_one = {},
          .takes_list = true};
}

}  // namespace kvcompare
