// What tests of engines vary: the flags of methods, and the chunk size.
#pragma once

#include <cstdint>

#include "common/run/method_flags.h"

namespace kvcompare {

struct FlagsAndChunks : MethodFlags {
  std::int64_t chunk_size = 1;
};

}  // namespace kvcompare
