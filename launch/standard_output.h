// Results for stdout.
#pragma once

#include <string>

namespace kvcompare {

// Throws OutputError if stdout does not take all of it.
void print(const std::string& text);

}  // namespace kvcompare
