#pragma once

#include <cstdint>
#include <string>

namespace kvcompare {

// "11.0MiB"; below one MiB in KiB.
std::string in_binary_units(std::int64_t bytes);

}  // namespace kvcompare
