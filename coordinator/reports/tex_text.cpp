#include "coordinator/reports/tex_text.h"

#include <array>
#include <cctype>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string_view>
#include <utility>

namespace kvcompare {
namespace {

struct Spelling {
  char32_t character;
  const char* tex;
};

// clang-format off
constexpr std::array kSpellings{
    Spelling{U'\\', "\\textbackslash{}"}, Spelling{U'&', "\\&"}, Spelling{U'%', "\\%"}, Spelling{U'$', "\\$"},
    Spelling{U'#', "\\#"}, Spelling{U'_', "\\_"}, Spelling{U'{', "\\{"}, Spelling{U'}', "\\}"},
    Spelling{U'~', "\\textasciitilde{}"}, Spelling{U'^', "\\textasciicircum{}"}, Spelling{U'<', "$<$"},
    Spelling{U'>', "$>$"}, Spelling{U'|', "$|$"}, Spelling{U'"', "{''}"}, Spelling{U'[', "{[}"}, Spelling{U'*', "{*}"},
    Spelling{U'`', "{`}"}, Spelling{U'Δ', "$\\Delta$"}, Spelling{U'α', "$\\alpha$"}, Spelling{U'β', "$\\beta$"},
    Spelling{U'ρ', "$\\rho$"}, Spelling{U'σ', "$\\sigma$"}, Spelling{U'τ', "$\\tau$"}, Spelling{U'±', "$\\pm$"},
    Spelling{U'×', "$\\times$"}, Spelling{U'≈', "$\\approx$"}, Spelling{U'≤', "$\\leq$"}, Spelling{U'≥', "$\\geq$"},
    Spelling{U'∞', "$\\infty$"}, Spelling{U'−', "$-$"}, Spelling{U'–', "--"}, Spelling{U'…', "\\dots{}"}};
// clang-format on

constexpr char32_t kReplacement = 0xFFFD;

// The first character of `text`, and its number of bytes. A byte that is not valid UTF-8 counts as U+FFFD.
std::pair<char32_t, std::size_t> first_character(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return {lead, 1};
  const std::size_t n = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || n > text.size()) return {kReplacement, 1};
  char32_t character = lead & (0x7Fu >> n);
  for (std::size_t i = 1; i < n; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte & 0xC0) != 0x80) return {kReplacement, 1};
    character = character << 6 | (byte & 0x3Fu);
  }
  return {character, n};
}

// Letters with accents that every LaTeX understands in UTF-8: À to ÿ except ð, þ, their capitals and ÷.
bool is_latin_letter(char32_t c) {
  return c >= 0xC0 && c <= 0xFF && c != 0xD0 && c != 0xDE && c != 0xF0 && c != 0xF7 && c != 0xFE;
}

std::string code_of(char32_t character) {
  std::array<char, 24> text{};
  std::snprintf(text.data(), text.size(), "{[}U+%04X]", static_cast<unsigned>(character));
  return text.data();
}

std::string tex_character(char32_t character, std::string_view bytes) {
  for (const auto& spelling : kSpellings)
    if (spelling.character == character) return spelling.tex;
  if (character < U' ' || character == 0x7F) return " ";
  if (character < 0x80 || is_latin_letter(character)) return std::string(bytes);
  return code_of(character);
}

}  // namespace

std::string tex_text(const std::string& text) {
  std::string result;
  for (std::size_t i = 0; i < text.size();) {
    const auto [character, n_bytes] = first_character(std::string_view(text).substr(i));
    const bool is_sign = character == U'-' && (i == 0 || text[i - 1] == ' ') && i + 1 < text.size() &&
                         std::isdigit(static_cast<unsigned char>(text[i + 1])) != 0;
    result += is_sign ? "$-$" : tex_character(character, std::string_view(text).substr(i, n_bytes));
    i += n_bytes;
  }
  return result;
}

}  // namespace kvcompare
