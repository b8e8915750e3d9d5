// Reports why the program ends, whatever was thrown: one line on stderr, and an exit code.
#pragma once

#include <exception>

#include "common/errors.h"

namespace kvcompare {

// Returns an Error as it is. Any other exception, of the standard library or of another library, becomes an
// internal error.
Error as_error(const std::exception& thrown);

// Writes the message to stderr.
void report_error(const char* what);

}  // namespace kvcompare
