// The data set: JSON Lines, one sample a line.
//
// A line is an object that holds ready token ids in "input_ids", or text in the field `text_field`. Where it
// holds both, the ids are used, as they are: whoever stored them next to the text wants them. Other fields
// are ignored. A field that is null counts as absent. Blank lines are skipped, CRLF line ends and a byte
// order mark accepted.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/sample.h"

namespace kvcompare {

// One line that is not blank; at least one of text and ids is there.
struct JsonlRecord {
  std::int64_t line = 0;  // 1-based
  std::optional<std::string> text;
  std::optional<std::vector<TokenId>> ids;
};

// Reads one line at a time. Throws DataError with file and line.
class JsonlReader {
 public:
  JsonlReader(const std::filesystem::path& path, std::string text_field);
  std::optional<JsonlRecord> next();  // empty at the end of the file

 private:
  JsonlRecord parse(const std::string& text) const;

  std::string path_;
  std::string text_field_;
  std::ifstream file_;
  std::int64_t line_ = 0;
};

struct DatasetOptions {
  std::filesystem::path path;
  std::string text_field = "text";
  std::int64_t max_length = 8192;           // tokens; longer samples are truncated
  std::optional<std::int64_t> max_samples;  // the file is not read beyond
  bool skip_bad_lines = false;
  int n_threads = 1;  // that tokenise
};

// What max_length cut off.
struct Truncation {
  std::int64_t n_samples = 0;  // that were longer
  std::int64_t n_tokens = 0;   // of theirs that are not computed
};

struct Dataset {
  std::vector<Sample> samples;
  std::vector<BadLine> bad_lines;  // with skip_bad_lines; they have no SampleIndex
  Truncation truncated;
};

using Encode = std::function<std::vector<TokenId>(std::string_view)>;  // called by several threads at once

// Samples in file order. Text is tokenised through `encode`; ConfigError("data_path") if there is text and
// encode is null. DataError if a line is bad (not JSON, no text, an id that is not below vocab_size) and
// skip_bad_lines is off, or if there is no sample at all.
Dataset read_dataset(const DatasetOptions& options, const Encode& encode,
                     std::optional<std::int64_t> vocab_size);

}  // namespace kvcompare
