#pragma once

#include <string>

namespace kvcompare {

// The text as Markdown shows it, in a cell of a table too: what Markdown or HTML gives a meaning is escaped,
// line breaks become spaces.
std::string markdown_text(const std::string& text);

}  // namespace kvcompare
