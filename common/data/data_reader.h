// Reads a data set: one file, or several in turn.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/data/byte_stream.h"
#include "common/data/joined_texts.h"
#include "common/data/record_reader.h"
#include "common/data/sample.h"
#include "common/errors.h"

namespace kvcompare {

struct DataSource {
  std::string data_path;  // see data_files()
  TextFields fields{};
  std::optional<TextSplit> split{};
  std::optional<std::string> join{};  // all texts are one record, with this between them
};

// The files that a --data_path names: a path; "-", standard input; a pattern with *, ? or [...]; or several
// of these with commas between them. A file that has the name as it is written goes before all that. Files of
// a pattern come in the order of their names. Throws DataError if a pattern fits no file, or if one of
// several files is not there.
std::vector<std::string> data_files(const std::string& data_path);

// The same files as a program finds them that is started in another folder. A name of no file stays as it is.
std::string absolute_data_path(const std::string& data_path);

bool reads_standard_input(const std::string& data_path);

class DataReader {
 public:
  explicit DataReader(DataSource source);

  // Absent at the end of the last file; with `join` all that is left is one record. Throws DataError naming
  // file and line; after an error of a line the next call goes on with the next line.
  std::optional<JsonlRecord> next();

  const std::string& file() const;  // that the last record is from
  IdsForText ids_for_text() const;

  // Lines count through all files. If there are several, the problem names file and line too.
  BadLine bad_line(const DataError& error) const;

 private:
  bool open_next();
  std::optional<JsonlRecord> next_of_files();

  DataSource source_;
  std::vector<std::string> files_;
  std::vector<std::int64_t> first_lines_;  // of each file begun with: lines in the files before it
  std::unique_ptr<RecordReader> reader_;   // of the last file; null if that cannot be opened
  IdsForText of_files_before_;
  std::optional<JoinedTexts> joined_;
};

}  // namespace kvcompare
