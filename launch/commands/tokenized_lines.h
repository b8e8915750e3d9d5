// Turns a data set of texts into a data set of token ids.
#pragma once

#include <string>

#include "common/data/data_reader.h"
#include "common/data/encoded_text.h"

namespace kvcompare {

// Returns a line {"input_ids":[...]} for each record of the data, in order. The ids are those of the sample
// that a comparison would make of the record, not truncated, nor cut into several samples. Where the line
// says so, "scored", "evidence" (ranges of tokens) and "context_length" follow: a comparison makes the same
// sample of the new line. `encode` turns text into ids. Throws DataError for a bad line.
std::string tokenized_lines(const DataSource& data, const Encode& encode);

}  // namespace kvcompare
