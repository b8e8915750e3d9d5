// Writes JSON for use inside an HTML page.
#pragma once

#include <string>

#include "coordinator/json/json_text.h"

namespace kvcompare {

// Returns one line of JSON that can neither end nor begin a <script>: `<`, `>`, `&` and the two line
// separators outside of ASCII are written as \u escapes. Invalid UTF-8 becomes U+FFFD. Doubles read back
// exactly.
std::string script_text(const OrderedJson& json);

}  // namespace kvcompare
