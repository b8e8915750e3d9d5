// Samples from the files of known benchmarks.
#pragma once

#include <string>
#include <vector>

#include "common/data/data_place.h"
#include "common/data/json_line.h"
#include "common/data/text_part.h"
#include "common/data_layout.h"

namespace kvcompare {

// The fields that a layout reads.
std::vector<std::string> fields_of(DataLayout layout);

// The parts of the text, of which the answers are scored:
//   ruler      input + answer_prefix (if there is one); " " + outputs
//   longbench  context + "\n\n" + input + "\n"; answers. An empty input is left out with what is before it.
//   scbench    context + "\n\n" + input + "\n"; answer; "\n\n" + input + "\n"; answer; ... for each turn of
//              multi_turns
// The first of several answers counts. Behind white space no other is put. Throws DataError if a field is
// missing or of another type, or if an answer is empty.
std::vector<TextPart> read_layout(const JsonLine& line, DataLayout layout, const DataPlace& place);

}  // namespace kvcompare
