// A line of JSON Lines as an object, read as Python writes it.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "common/data/data_place.h"

namespace kvcompare {

struct JsonLine {
  nlohmann::json object;
  bool had_non_finite = false;  // NaN, Infinity or a number beyond double: each is an empty object now
};

// Python's json.dumps writes NaN, Infinity and -Infinity, which are no JSON. The line is accepted with them,
// for the sake of fields that are not read. Of equal keys the last one counts. DataError if the line is not
// an object.
JsonLine parse_json_line(const std::string& text, const DataPlace& place);

// "of type string"; of what has taken the place of a non-finite number that too.
std::string kind_of(const nlohmann::json& value, const JsonLine& line);

}  // namespace kvcompare
