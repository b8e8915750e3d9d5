#pragma once

#include <string>

namespace kvcompare {

// UTF-8 text as LaTeX source that prints it: special characters escaped, τ and the like as mathematics, line
// breaks as spaces. What a plain pdflatex has no glyph for is told by its code: "[U+4E2D]".
std::string tex_text(const std::string& text);

}  // namespace kvcompare
