// Lines whose text comes in parts: a prompt with its completion, or several prompts and completions in turn.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "common/data/data_place.h"
#include "common/data/json_line.h"
#include "common/data/text_fields.h"
#include "common/data/text_part.h"

namespace kvcompare {

// The fields of prompt and completion.
std::array<std::string, 2> names_of_pair(const TextFields& fields);

// Whether the line holds a prompt or a completion.
bool has_prompt_or_completion(const JsonLine& line, const TextFields& fields);

// Of a list of texts the first one; any other value itself. Lists of answers that are all right are common.
const nlohmann::json& first_answer(const nlohmann::json& value);

// Two parts: the prompt, and the completion, which is scored; of a list of completions the first. Throws
// DataError if one of the two is missing or is no string, or if the completion is empty. The prompt may be
// empty.
std::vector<TextPart> read_prompt_and_completion(const JsonLine& line, const TextFields& fields,
                                                 const DataPlace& place);

inline constexpr const char* kPartsField = "parts";

// The parts of 'parts': [{"text": "...", "scored": true}, ...]; "scored" may be left out: false. Throws
// DataError if they are no such list, or if a part that is scored is empty.
std::vector<TextPart> read_parts(const JsonLine& line, const DataPlace& place);

}  // namespace kvcompare
