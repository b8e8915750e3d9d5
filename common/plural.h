// Counts in messages.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace kvcompare {

// "1 sample", "2 samples".
std::string counted(std::int64_t n, std::string_view noun);

}  // namespace kvcompare
