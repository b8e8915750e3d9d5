#include "common/utc_time.h"

#include <array>
#include <ctime>
#include <stdexcept>

namespace kvcompare {
namespace {

constexpr int kFirstYear = 70, kLastYear = 300;  // since 1900; the clock counts nanoseconds

}  // namespace

std::string utc_text(std::chrono::system_clock::time_point time) {
  const std::time_t seconds =
      std::chrono::system_clock::to_time_t(std::chrono::floor<std::chrono::seconds>(time));
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  std::array<char, 32> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return {text.data(), length};
}

std::chrono::system_clock::time_point parse_utc(const std::string& text) {
  std::tm utc{};
  const char* end = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%SZ", &utc);
  if (end == nullptr || *end != '\0') throw std::invalid_argument("'" + text + "' is no time in UTC");
  if (utc.tm_year < kFirstYear || utc.tm_year > kLastYear)
    throw std::invalid_argument("'" + text + "' is no time of this program, which knows 1970 to 2200");
  return std::chrono::system_clock::from_time_t(timegm(&utc));
}

}  // namespace kvcompare
