#include "common/tokenizer/character_class.h"

#include <algorithm>
#include <array>
#include <utility>

#include "common/tokenizer/unicode_additions.h"

namespace kvcompare {
namespace {

constexpr std::array<std::string_view, 38> kCategories = {
    "L",  "Lu", "Ll", "Lt", "Lm", "Lo", "M",  "Mn", "Mc", "Me", "N",  "Nd", "Nl",
    "No", "P",  "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "S",  "Sm", "Sc", "Sk",
    "So", "Z",  "Zs", "Zl", "Zp", "C",  "Cc", "Cf", "Cs", "Co", "Cn", "Any"};

constexpr std::array<std::pair<std::string_view, std::string_view>, 12> kLongNames = {{
    {"Letter", "L"},
    {"Uppercase_Letter", "Lu"},
    {"Lowercase_Letter", "Ll"},
    {"Titlecase_Letter", "Lt"},
    {"Modifier_Letter", "Lm"},
    {"Other_Letter", "Lo"},
    {"Mark", "M"},
    {"Number", "N"},
    {"Decimal_Number", "Nd"},
    {"Punctuation", "P"},
    {"Symbol", "S"},
    {"Separator", "Z"},
}};

std::string_view short_name(std::string_view property) {
  for (const auto& [long_name, category] : kLongNames) {
    if (property == long_name) return category;
  }
  return property;
}

bool is_script_name(std::string_view name) {
  return name.size() > 2 && std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
         });
}

// Alphabetic, M, Nd and Pc. The circled and squared letters are listed apart: they are Alphabetic, but
// symbols by category.
std::string word_properties() {
  std::string items;
  for (const char* category : {"L", "M", "Nd", "Nl", "Pc"}) items += *class_of_property(category);
  return items + "\\x{24B6}-\\x{24E9}\\x{1F130}-\\x{1F149}\\x{1F150}-\\x{1F169}\\x{1F170}-\\x{1F189}";
}

}  // namespace

std::optional<std::string> class_of_property(std::string_view property) {
  const std::string_view name = short_name(property);
  if (std::find(kCategories.begin(), kCategories.end(), name) != kCategories.end()) {
    return "\\p{" + std::string(name) + "}" + unicode_additions(name);
  }
  // Oniguruma means the Script property; PCRE2's bare \p{Han} means Script_Extensions.
  if (is_script_name(name)) return "\\p{sc:" + std::string(name) + "}" + unicode_additions(name);
  return std::nullopt;
}

// White_Space. PCRE2's \s would also hold U+180E.
std::string class_of_space() { return "\\t-\\r\\x{85}\\p{Z}"; }

// Beside the properties, Oniguruma's \w holds all numbers of Latin-1.
std::string class_of_word() { return word_properties() + "\\x{B2}\\x{B3}\\x{B9}\\x{BC}-\\x{BE}"; }

std::string class_of_digit() { return *class_of_property("Nd"); }

std::string class_of_rust_word() { return word_properties() + "\\x{200C}\\x{200D}"; }

}  // namespace kvcompare
