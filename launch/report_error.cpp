#include "launch/report_error.h"

#include <cstdio>

namespace kvcompare {

void report_error(const char* what) { std::fprintf(stderr, "kvcompare: error: %s\n", what); }

}  // namespace kvcompare
