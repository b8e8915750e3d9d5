// One record of a data file, before text is tokenised.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/data/text_part.h"
#include "common/ids.h"
#include "common/range.h"

namespace kvcompare {

// A line that is not blank, an element of a JSON array, or a piece of plain text. It holds text, parts of
// text or ids.
struct JsonlRecord {
  std::int64_t line = 0;  // 1-based; where it begins
  std::optional<std::string> text{};
  std::vector<TextPart> parts{};
  std::optional<std::vector<TokenId>> ids{};
  // Ascending and apart; of text they count characters (code points), of ids tokens. Parts are scored as a
  // whole instead.
  std::optional<std::vector<Range>> scored{};
  // Lists of such ranges; of parts they count the characters of all parts, joined. None; one, which serves
  // every scored range or part; or one for each, in their order.
  std::vector<std::vector<Range>> evidence{};
  std::optional<std::int64_t> n_context{};  // tokens, at least 1
  bool is_packed = false;                   // its tokens are cut into samples of max_length
};

// How many lines had their ids used although a user might expect their text to be used.
struct IdsForText {
  std::int64_t n_beside_text = 0;        // the line holds text too, and the user named no field
  std::int64_t n_without_the_field = 0;  // the user named a field, and the line lacks it
};

}  // namespace kvcompare
