// Why the program ends, whatever was thrown: one line on stderr, and an exit code.
#pragma once

#include <exception>

#include "common/errors.h"

namespace kvcompare {

// An Error as it is. Any other exception, of the standard library or of another one, is an internal error.
Error as_error(const std::exception& thrown);

// On stderr.
void report_error(const char* what);

}  // namespace kvcompare
