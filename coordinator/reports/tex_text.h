#pragma once

#include <string>

namespace kvcompare {

// Returns LaTeX source that prints a UTF-8 text. Special characters are escaped, τ and the like become
// mathematics, and line breaks become spaces. A character for which plain pdflatex has no glyph is shown by
// its code: "[U+4E2D]".
std::string tex_text(const std::string& text);

}  // namespace kvcompare
