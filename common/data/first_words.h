// How the samples of a data set begin, for readers who want to recognise them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/ids.h"

namespace kvcompare {

struct FirstWordsOptions {
  std::filesystem::path path;             // of the data set
  std::optional<std::string> text_field;  // as in DatasetOptions
  std::vector<std::int64_t> bad_lines;    // that are no sample, ascending
  std::int64_t n_samples = 0;
};

// At most kMostBytesOfText of each text, cut between characters; nothing of a sample of token ids.
// Throws DataError if the file cannot be read, or a line is bad that is not among bad_lines.
std::map<SampleIndex, std::string> first_words(const FirstWordsOptions& options);

inline constexpr std::size_t kMostBytesOfText = 96;

}  // namespace kvcompare
