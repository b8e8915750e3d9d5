// Fields of JSON objects by name, also inside of other objects.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace kvcompare {

// The value of a field: "text"; "document.text", the field 'text' of the object 'document'; "answers.0", the
// first of the array 'answers'. A field that has the name as it is written, dots included, goes before.
// Null if there is none, or if it holds null.
nlohmann::json* find_field(nlohmann::json& object, const std::string& name);
const nlohmann::json* find_field(const nlohmann::json& object, const std::string& name);

}  // namespace kvcompare
