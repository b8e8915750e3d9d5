// The one line that says why the program ends.
#pragma once

namespace kvcompare {

// On stderr.
void report_error(const char* what);

}  // namespace kvcompare
