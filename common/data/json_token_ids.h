// The token ids of a line, and the fields beside them that change their meaning.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "common/data/json_line.h"
#include "common/ids.h"

namespace kvcompare {

// Whether the object has the field with a value other than null.
bool has_value(const nlohmann::json& object, const std::string& field);

// Fields beside 'input_ids' that say which of the ids are a sample, and how it is scored.
inline constexpr std::array kFieldsBesideIds{"attention_mask", "labels", "position_ids"};

struct LineTokenIds {
  std::vector<TokenId> ids;   // of the sample
  std::int64_t n_before = 0;  // entries of 'input_ids' that are padding before the sample
};

// Returns the ids of 'input_ids' that 'attention_mask' keeps: 0 marks padding, before or after the sample.
// 'labels' may repeat the ids; -100 is allowed for padding, and for the sample's first token, which is never
// predicted. 'position_ids' may count the sample's tokens from 0. Any other value of the three would change
// which tokens are scored, or how, so it is a DataError. All other fields are ignored.
LineTokenIds read_token_ids(const JsonLine& line, const DataPlace& place);

}  // namespace kvcompare
