// JSON inside an HTML page.
#pragma once

#include <string>

#include "coordinator/json/json_text.h"

namespace kvcompare {

// One line of JSON in which nothing can end or begin a <script>: `<`, `>`, `&` and the two line separators
// that are not ASCII stand as \u escapes. Invalid UTF-8 becomes U+FFFD. Doubles read back exactly.
std::string script_text(const OrderedJson& json);

}  // namespace kvcompare
