// What a file is that is no JSON Lines file, in words that say how to convert it.
#pragma once

#include <string>
#include <string_view>

namespace kvcompare {

// "is compressed with gzip; expected ...; `gzip -dc FILE > NEW.jsonl` converts it": of a file whose first
// bytes are those of another format. Empty if they are not.
std::string foreign_format(std::string_view first_bytes, const std::string& file);

// What is probably wrong with the file whose first line is not valid JSON, as the end of a message: "; ...".
// Empty if nothing is known.
std::string hint_for_first_line(std::string_view line, const std::string& file);

// The same of a line that is not valid JSON, wherever it stands.
std::string hint_for_line(std::string_view line, std::string_view problem);

}  // namespace kvcompare
