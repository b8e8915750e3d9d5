// What reads a data file record by record, whatever its format.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "common/data/jsonl_record.h"
#include "common/data/text_fields.h"
#include "common/text_split.h"

namespace kvcompare {

class RecordReader {
 public:
  virtual ~RecordReader() = default;

  // Absent at the end of the file. Throws DataError naming file and line; after an error of a line the next
  // call goes on with the next line.
  virtual std::optional<JsonlRecord> next() = 0;

  virtual std::int64_t n_lines() const = 0;  // that have been read; elements of a JSON array, or rows
  virtual IdsForText ids_for_text() const { return {}; }
};

// Opens a file and finds out by its bytes what it is: JSON Lines, a JSON array of objects, or plain text,
// each also compressed with gzip or zstd; or Parquet, whose rows are objects. Text is what does not begin
// like these, if `split` is given or if the name ends with .txt, .text or .md. Everything else is a JSON
// Lines file with an error. Throws DataError saying what the file is and how to convert it if it is of
// another format.
std::unique_ptr<RecordReader> open_records(const std::string& file, const TextFields& fields,
                                           std::optional<TextSplit> split);

}  // namespace kvcompare
