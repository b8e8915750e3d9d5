// Points in time as text: ISO 8601 in UTC, to the second, "2026-02-03T04:05:06Z".
#pragma once

#include <chrono>
#include <string>

namespace kvcompare {

std::string utc_text(std::chrono::system_clock::time_point time);

// Throws std::invalid_argument for another form, and for years before 1970 or after 2200.
std::chrono::system_clock::time_point parse_utc(const std::string& text);

}  // namespace kvcompare
