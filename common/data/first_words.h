// The first words of each sample, so that readers of a report recognise the samples.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/data/data_reader.h"
#include "common/ids.h"

namespace kvcompare {

struct FirstWordsOptions {
  DataSource source;
  std::vector<std::int64_t> bad_lines;  // lines that hold no sample, ascending; as in BadLine
  std::int64_t n_samples = 0;
};

// Returns at most kMostBytesOfText bytes of each text (of several parts, of the first that is not empty), cut
// between characters, and nothing for a sample of token ids. Throws DataError if the file cannot be read, or
// if a line is bad that is not among bad_lines.
std::map<SampleIndex, std::string> first_words(const FirstWordsOptions& options);

inline constexpr std::size_t kMostBytesOfText = 96;

}  // namespace kvcompare
