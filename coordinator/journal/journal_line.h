// A line of the journal: CRC-32 (zlib's) of the JSON text as 8 lower-case hexadecimal digits, a space, the
// text.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace kvcompare {

// With the newline. `json` holds none.
std::string journal_line(std::string_view json);

// line: without the newline. Empty if it is damaged.
std::optional<std::string_view> json_of_journal_line(std::string_view line);

}  // namespace kvcompare
