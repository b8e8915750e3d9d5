// The ready token ids of a line, and the fields beside them that change what they mean.
#pragma once

#include <string>
#include <vector>

#include "common/data/json_line.h"
#include "common/ids.h"

namespace kvcompare {

// Whether the object has the field, and not as null.
bool has_value(const nlohmann::json& object, const std::string& field);

// The ids of 'input_ids' that 'attention_mask' keeps: 0 marks padding, before or after the sample.
// 'labels' may repeat the ids (or hold -100 for padding and for the sample's first token, which is predicted
// in no case), 'position_ids' may count the sample's tokens from 0. DataError for any other value of the
// three: it would change which tokens are scored, or how. All other fields are ignored.
std::vector<TokenId> read_token_ids(const JsonLine& line, const DataPlace& place);

}  // namespace kvcompare
