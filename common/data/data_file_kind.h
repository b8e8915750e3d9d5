// Recognises a data file that is not JSON Lines, and says how to convert it.
#pragma once

#include <string>
#include <string_view>

namespace kvcompare {

// Says of which other format the first bytes of a file are, and how to convert the file: "is compressed with
// xz; expected ...; `xz -dc FILE > NEW.jsonl` converts it". Returns an empty text if the bytes are not
// known to be of another format.
std::string foreign_format(std::string_view first_bytes, const std::string& file);

// The same for a folder, which no data file is: "is a data set that the package datasets saved; ...".
std::string what_a_folder_is(const std::string& folder);

// For a file whose first line is not valid JSON: what is probably wrong with the file, as the end of a
// message ("; ..."). Empty if nothing is known.
std::string hint_for_first_line(std::string_view line, const std::string& file);

// The same for a line that is not valid JSON, anywhere in the file.
std::string hint_for_line(std::string_view line, std::string_view problem);

}  // namespace kvcompare
