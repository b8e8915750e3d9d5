#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/data_layout.h"

namespace kvcompare {

// The fields of a line that hold its text, as the user named them. A field that is absent here has its usual
// name, and goes behind 'input_ids'; one that is named goes before them.
struct TextFields {
  std::optional<std::string> text{};        // "text"
  std::optional<std::string> prompt{};      // "prompt"
  std::optional<std::string> completion{};  // "completion"
  std::optional<DataLayout> layout{};       // of the file, in place of all these
};

// The fields of a record that count; all others are ignored.
struct FieldsThatCount {
  std::vector<std::string> of_sample;  // a record without any of them is no sample
  std::vector<std::string> beside;     // say more of a sample
};

}  // namespace kvcompare
