// The rows of a Parquet file as JSON texts. Apache Arrow reads them; a build without Arrow has another source
// file, which refuses every Parquet file.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "common/data/json_texts.h"
#include "common/data/text_fields.h"

namespace kvcompare {

// The first bytes of a file, and its last.
inline constexpr std::string_view kParquetMark = "PAR1", kEncryptedParquetMark = "PARE";

// Each row is the object that JSON Lines of the same table would hold, of those columns alone that `fields`
// names. A file that has none of fields.of_sample gives all its columns, so that whoever reads the objects
// can say what they hold instead. Rows count from 1. Memory: 64 rows, and a page of each column. Throws
// DataError naming the file if it is damaged, encrypted or compressed in another way, or if a column has a
// type that kvcompare does not read; naming the row too if a text in it is not UTF-8.
std::unique_ptr<JsonTexts> parquet_rows(const std::string& file, const FieldsThatCount& fields);

// The version of Arrow that is loaded; empty in a build without it.
std::string arrow_library_version();

}  // namespace kvcompare
