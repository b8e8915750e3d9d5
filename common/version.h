#pragma once

namespace kvcompare {

inline constexpr const char* kVersion = "0.1.0";  // the same as in CMakeLists.txt, which checks it

}  // namespace kvcompare
