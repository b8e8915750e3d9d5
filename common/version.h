#pragma once

namespace kvcompare {

inline constexpr const char* kVersion = "0.1.0";  // the same as in CMakeLists.txt, which checks it

// Counts the changes of what kvcompare computes: of the last bits of a number, or of what it means. A run is
// not resumed with another revision. tests/golden/revisions.txt ties it to the goldens.
inline constexpr int kNumbersRevision = 4;

}  // namespace kvcompare
