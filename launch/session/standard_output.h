// Results for stdout.
#pragma once

#include <string>

namespace kvcompare {

// Throws OutputError if stdout does not take all of it. A reader that has gone away, as `head` does, has read
// what it wanted: that is no error.
void print(const std::string& text);

}  // namespace kvcompare
