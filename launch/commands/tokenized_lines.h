// Turns a data set of texts into a data set of token ids.
#pragma once

#include <filesystem>
#include <string>

#include "common/data/dataset.h"

namespace kvcompare {

// Returns a line {"input_ids":[...]} for each line of `input` that is not blank, in order. The ids are those
// of the sample that a comparison would make of the line, not truncated. Where the line says so, "scored",
// "evidence" (ranges of tokens) and "context_length" follow: a comparison makes the same sample of the new
// line. `encode` turns text into ids. Throws DataError for a bad line.
std::string tokenized_lines(const std::filesystem::path& input, const TextFields& fields,
                            const Encode& encode);

}  // namespace kvcompare
