// How much a test tries: a part of it in the gate, all with KVCOMPARE_THOROUGH=1 (tests/run.sh --thorough).
#pragma once

#include <cstdlib>
#include <string_view>

namespace kvcompare {

inline bool is_thorough() {
  const char* value = std::getenv("KVCOMPARE_THOROUGH");
  return value && std::string_view(value) == "1";
}

}  // namespace kvcompare
