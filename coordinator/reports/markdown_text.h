#pragma once

#include <string>

namespace kvcompare {

// Escapes a text so that Markdown shows it as it is, even in a cell of a table. Characters with a meaning in
// Markdown or HTML are escaped, and line breaks become spaces.
std::string markdown_text(const std::string& text);

}  // namespace kvcompare
