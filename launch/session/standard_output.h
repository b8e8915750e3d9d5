// Prints results to stdout.
#pragma once

#include <string>

namespace kvcompare {

// Throws OutputError if stdout does not take the whole text. It is no error if the reader of a pipe has
// ended, as `head` does, because the reader has read what it wanted.
void print(const std::string& text);

}  // namespace kvcompare
