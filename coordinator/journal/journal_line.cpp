#include "coordinator/journal/journal_line.h"

#include <array>
#include <cstdio>

#include <zlib.h>

namespace kvcompare {
namespace {

constexpr std::size_t kDigits = 8;

std::string crc_of(std::string_view text) {
  const auto crc = crc32_z(0, reinterpret_cast<const Bytef*>(text.data()), text.size());
  std::array<char, kDigits + 1> digits{};
  std::snprintf(digits.data(), digits.size(), "%08lx", static_cast<unsigned long>(crc));
  return digits.data();
}

}  // namespace

std::string journal_line(std::string_view json) { return crc_of(json) + " " + std::string(json) + "\n"; }

std::optional<std::string_view> json_of_journal_line(std::string_view line) {
  if (line.size() <= kDigits || line[kDigits] != ' ') return std::nullopt;
  const auto json = line.substr(kDigits + 1);
  if (line.substr(0, kDigits) != crc_of(json)) return std::nullopt;
  return json;
}

}  // namespace kvcompare
