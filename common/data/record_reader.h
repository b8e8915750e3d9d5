// What reads a data file record by record, whatever its format.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "common/data/jsonl_record.h"
#include "common/data/text_fields.h"

namespace kvcompare {

class RecordReader {
 public:
  virtual ~RecordReader() = default;

  // Absent at the end of the file. Throws DataError naming file and line; after an error of a line the next
  // call goes on with the next line.
  virtual std::optional<JsonlRecord> next() = 0;

  virtual std::int64_t n_lines() const = 0;  // that have been read
  virtual IdsForText ids_for_text() const { return {}; }
};

// How plain text becomes samples.
enum class TextSplit {
  kPacked,     // the file is one text, and its tokens are cut into samples of max_length tokens
  kFile,       // the file is a sample
  kBlankLine,  // samples stand apart by one blank line or several
  kLine,       // every line that is not blank is a sample
};

std::string to_string(TextSplit split);
std::optional<TextSplit> parse_text_split(std::string_view name);

// Opens a file and finds out by its bytes what it is: JSON Lines, a JSON array, or plain text; each also
// compressed with gzip or zstd. What does not begin with '{' or '[' is plain text if `split` is given or if
// the name ends with .txt, .text or .md, and else a JSON Lines file with an error. Throws DataError saying
// what the file is and how to convert it if it is of another format.
std::unique_ptr<RecordReader> open_records(const std::string& file, const TextFields& fields,
                                           std::optional<TextSplit> split);

}  // namespace kvcompare
