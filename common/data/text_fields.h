#pragma once

#include <optional>
#include <string>

namespace kvcompare {

// The fields of a line that hold its text, as the user named them. A field that is absent here has its usual
// name, and goes behind 'input_ids'; one that is named goes before them.
struct TextFields {
  std::optional<std::string> text{};        // "text"
  std::optional<std::string> prompt{};      // "prompt"
  std::optional<std::string> completion{};  // "completion"
};

}  // namespace kvcompare
