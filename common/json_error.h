// nlohmann's parse errors in words that fit a message to the user.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace kvcompare {

// "byte 17: syntax error ...", short and printable whatever the text was.
std::string json_problem(const nlohmann::json::exception& error);

}  // namespace kvcompare
