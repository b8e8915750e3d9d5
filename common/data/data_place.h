// The place of a line in a data set, for messages.
#pragma once

#include <cstdint>
#include <string>

#include "common/errors.h"

namespace kvcompare {

struct DataPlace {
  const std::string& file;
  std::int64_t line;  // 1-based; 0: the file as a whole

  [[noreturn]] void fail(const std::string& problem) const { throw DataError(file, line, problem); }
};

}  // namespace kvcompare
