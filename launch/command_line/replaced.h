// Replaces text within text.
#pragma once

#include <string>

namespace kvcompare {

// `text` with every `what` replaced by `by`.
std::string replaced(std::string text, const std::string& what, const std::string& by);

}  // namespace kvcompare
