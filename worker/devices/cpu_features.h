// What the processor can do beyond its base instruction set, as the kernel tells it.
#pragma once

#include <string>
#include <string_view>

namespace kvcompare {

// The text of /proc/cpuinfo; empty where there is none.
std::string read_cpuinfo();

// Whether the first processor of `cpuinfo` lists this flag, such as "avx512_bf16" or "amx_tile".
bool has_cpu_flag(std::string_view cpuinfo, std::string_view flag);

}  // namespace kvcompare
