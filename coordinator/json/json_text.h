// Text and numbers of the JSON reports.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace kvcompare {

using OrderedJson = nlohmann::ordered_json;

// Leaves the key out if the number is not finite: JSON has no such number, and null or 0 would be a lie.
void put_finite(OrderedJson& object, const char* key, double value);

// For messages: a number, string or literal as JSON, else "an array" or "an object". Those may nest without
// end, and writing them is recursive.
std::string json_for_message(const OrderedJson& json);

// Indented, ends with a line break. Doubles read back exactly; invalid UTF-8 becomes U+FFFD.
std::string json_text(const OrderedJson& json);

}  // namespace kvcompare
