// The data set: JSON Lines, one sample a line.
//
// A line is an object that holds ready token ids in "input_ids", or text in the field `text_field`. Where it
// holds both, the text is used if `text_field` was given; else the ids are used, as they are: whoever stored
// them next to the text wants them. Beside ids, "attention_mask", "labels" and "position_ids" count
// (json_token_ids.h). Other fields are ignored, whatever they hold. A field that is null counts as absent.
// Blank lines are skipped, CRLF line ends and a byte order mark accepted.
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
  std::optional<std::string> text_field = std::nullopt;  // absent: "text", and ids beside the text come first
  std::int64_t max_length = 8192;                        // tokens; longer samples are truncated
  std::optional<std::int64_t> max_samples;               // the file is not read beyond
  bool skip_bad_lines = false;
  int n_threads = 1;  // that tokenise
};

// What max_length cut off.
struct Truncation {
  std::int64_t n_samples = 0;  // that were longer
  std::int64_t n_tokens = 0;   // of theirs that are not computed

  static constexpr std::array kFields{"samples", "tokens"};
  friend bool operator==(const Truncation&, const Truncation&) = default;
};

struct Dataset {
  std::vector<Sample> samples;
  std::vector<BadLine> bad_lines;  // with skip_bad_lines; they have no SampleIndex
  Truncation truncated;
  IdsForText ids_for_text;
};

using Encode = std::function<std::vector<TokenId>(std::string_view)>;  // called by several threads at once

// Samples in file order. Text is tokenised through `encode`; ConfigError("data_path") if there is text and
// encode is null. DataError if a line is bad (not JSON, no text, an id that is not below vocab_size) and
// skip_bad_lines is off, or if there is no sample at all.
Dataset read_dataset(const DatasetOptions& options, const Encode& encode,
                     std::optional<std::int64_t> vocab_size);

}  // namespace kvcompare
