// Cuts a tokenised line into samples: one that max_length cuts, or one for each piece or window.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common/data/data_place.h"
#include "common/data/sample.h"
#include "common/data/tokenised_line.h"
#include "common/data/truncation.h"
#include "common/perplexity_windows.h"

namespace kvcompare {

struct SamplesOfLine {
  std::vector<Sample> samples;  // their indices are left to the caller
  Truncation truncated{};
  bool begins_twice = false;  // TokenisedLine
};

// Of a scored range that max_length cuts, the tokens that are left count. It is no whole range any more, nor
// is one that lies beyond max_length as a whole.
SamplesOfLine sample_of(TokenisedLine line, std::int64_t max_length);

// Of a text alone: samples of max_length tokens in turn, the last one shorter.
SamplesOfLine pieces_of(const TokenisedLine& line, std::int64_t max_length);

// Throws DataError if the line names scored ranges, evidence or a context: windows are for plain text.
SamplesOfLine windows_of(const TokenisedLine& line, const PerplexityWindows& windows, const DataPlace& place);

}  // namespace kvcompare
