// The instruction set that kvcompare's own kernels choose on this machine.
#pragma once

#include <string>

namespace kvcompare {

// Google Highway's name of it: "AVX3_DL".
std::string own_kernels();

}  // namespace kvcompare
