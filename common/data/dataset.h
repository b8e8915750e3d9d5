// Reads the data set: JSON Lines, one sample a line; a JSON array, one an element; Parquet, one a row; or
// plain text.
//
// A line, element or row is an object that holds one of these, the first that it has:
//   {"input_ids": [...]}                                     token ids
//   {"text": "..."}                                          a text; the field may have another name
//   {"prompt": "...", "completion": "..."}                   two texts, of which the completion is scored
//   {"parts": [{"text": "...", "scored": true}, ...]}        several texts
// A field of text that the user named goes before the ids, because whoever stored ids next to the text wants
// those ids. Beside ids, "attention_mask", "labels" and "position_ids" count (see json_token_ids.h). Beside
// ids or text, "scored" holds the ranges of what is scored; beside all, "evidence" and "context_length"
// count. All other fields are ignored, whatever they hold. A field that is null counts as absent. Blank lines
// are skipped; CRLF line ends and a byte order mark are accepted.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "common/data/encoded_text.h"
#include "common/data/record_reader.h"
#include "common/data/sample.h"
#include "common/data/text_fields.h"
#include "common/data/truncation.h"
#include "common/perplexity_windows.h"

namespace kvcompare {

struct DatasetOptions {
  std::filesystem::path path;  // or several: data_files()
  TextFields fields{};
  std::optional<TextSplit> split{};             // how plain text becomes samples
  std::optional<std::string> join{};            // all texts are one, with this between them
  std::int64_t max_length = 8192;               // tokens; longer samples are truncated
  std::optional<std::int64_t> max_samples;      // the file is not read any further
  std::optional<std::uint64_t> shuffle_seed{};  // then all files are read, and max_samples drawn of them
  std::int64_t min_length = 0;                  // tokens; shorter samples are left out
  std::optional<PerplexityWindows> windows{};   // the samples are windows of the lines, not cut by max_length
  bool skip_bad_lines = false;
  int n_threads = 1;  // threads that tokenise
};

struct Dataset {
  std::vector<Sample> samples;
  std::vector<BadLine> bad_lines;  // lines that skip_bad_lines left out; they have no SampleIndex
  Truncation truncated;
  std::int64_t n_short = 0;  // left out by min_length, of those before the last sample
  IdsForText ids_for_text;
  std::int64_t n_begin_twice = 0;  // texts that begin with the begin token that the tokenizer adds anyway
};

// Sentences for the user about what was read.
std::vector<std::string> warnings_of(const Dataset& dataset, const std::optional<std::string>& text_field);

// The sentence about texts that begin with the begin token, if there are any.
std::optional<std::string> warning_of_begin_twice(std::int64_t n_texts);

// Returns the samples in file order, or in that of SampleDraw. Text is tokenised by `encode`, which several
// threads call at once. Throws ConfigError("data_path") if there is text and `encode` is null. Throws
// DataError if there is no sample at all, or if a line is bad (not JSON, no text, an id that is not below
// vocab_size) and skip_bad_lines is off.
Dataset read_dataset(const DatasetOptions& options, const Encode& encode,
                     std::optional<std::int64_t> vocab_size);

}  // namespace kvcompare
