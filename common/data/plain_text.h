// Plain text as records.
#pragma once

#include <memory>
#include <string>

#include "common/data/buffered_bytes.h"
#include "common/data/record_reader.h"

namespace kvcompare {

// Line ends become '\n'; a line or a paragraph keeps none behind it. Throws DataError naming file and line if
// the text is not UTF-8 or holds a NUL byte.
std::unique_ptr<RecordReader> plain_text(std::string file, BufferedBytes bytes, TextSplit split);

}  // namespace kvcompare
