// Parses one line of JSON Lines into an object. It accepts what Python writes.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "common/data/data_place.h"

namespace kvcompare {

struct JsonLine {
  nlohmann::json object;
  bool had_non_finite = false;  // the line had NaN, Infinity or a number too large for double; each is now an
                                // empty object
};

// Python's json.dumps writes NaN, Infinity and -Infinity, which JSON does not have. A line with them is
// accepted, because they may stand in fields that nobody reads. Of equal keys the last one counts. Throws
// DataError if the line is not an object.
JsonLine parse_json_line(const std::string& text, const DataPlace& place);

// Returns "of type string" and the like, also for a value that has taken the place of a non-finite number.
std::string kind_of(const nlohmann::json& value, const JsonLine& line);

}  // namespace kvcompare
