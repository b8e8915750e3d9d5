// What tests of engines vary: the flags of methods, and how samples are read.
#pragma once

#include <cstdint>
#include <optional>

#include "common/run/method_flags.h"
#include "common/run/protocol.h"

namespace kvcompare {

struct FlagsAndChunks : MethodFlags {
  std::int64_t chunk_size = 1;
  Protocol protocol{};
  std::optional<std::int64_t> n_context{};  // tokens; all if absent
};

}  // namespace kvcompare
