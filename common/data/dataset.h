// Reads the data set: JSON Lines, one sample a line.
//
// A line is an object that holds either token ids in "input_ids" or text in the field `text_field`. If the
// line holds both, the text is used if `text_field` was given. Otherwise the ids are used, because whoever
// stored ids next to the text wants those ids. Beside ids, "attention_mask", "labels" and "position_ids"
// count (see json_token_ids.h). All other fields are ignored, whatever they hold. A field that is null counts
// as absent. Blank lines are skipped; CRLF line ends and a byte order mark are accepted.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/data/jsonl_reader.h"
#include "common/data/sample.h"

namespace kvcompare {

struct DatasetOptions {
  std::filesystem::path path;
  std::optional<std::string> text_field = std::nullopt;  // absent: "text", unless the line has ids
  std::int64_t max_length = 8192;                        // tokens; longer samples are truncated
  std::optional<std::int64_t> max_samples;               // the file is not read any further
  bool skip_bad_lines = false;
  int n_threads = 1;  // threads that tokenise
};

// How much max_length cut off.
struct Truncation {
  std::int64_t n_samples = 0;  // samples that were longer
  std::int64_t n_tokens = 0;   // tokens of these samples that are left out

  static constexpr std::array kFields{"samples", "tokens"};
  friend bool operator==(const Truncation&, const Truncation&) = default;
};

struct Dataset {
  std::vector<Sample> samples;
  std::vector<BadLine> bad_lines;  // lines that skip_bad_lines left out; they have no SampleIndex
  Truncation truncated;
  IdsForText ids_for_text;
};

using Encode = std::function<std::vector<TokenId>(std::string_view)>;  // called by several threads at once

// Returns the samples in file order. Text is tokenised by `encode`. Throws ConfigError("data_path") if there
// is text and `encode` is null. Throws DataError if there is no sample at all, or if a line is bad (not JSON,
// no text, an id that is not below vocab_size) and skip_bad_lines is off.
Dataset read_dataset(const DatasetOptions& options, const Encode& encode,
                     std::optional<std::int64_t> vocab_size);

}  // namespace kvcompare
