// A data set of texts as a data set of token ids.
#pragma once

#include <filesystem>
#include <string>

#include "common/dataset.h"

namespace kvcompare {

// A line {"input_ids":[...]} for each line of `input` that is not blank, in order. Text goes through
// `encode`; a line that has only ids keeps them. Throws DataError for a bad line.
std::string tokenized_lines(const std::filesystem::path& input, const std::string& text_field,
                            const Encode& encode);

}  // namespace kvcompare
