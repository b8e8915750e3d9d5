#pragma once

#include <string>
#include <vector>

#include "common/ids.h"
#include "common/messages/messages.h"
#include "common/run/numerics.h"

namespace kvcompare {

enum class MixedHardware { kRefuse, kAdmit };

// Checks that all workers of a run, including those of earlier sessions, compute with the same arithmetic.
class SameNumerics {
 public:
  // known : the arithmetic of the units in the journal, in the order of the journal's records
  SameNumerics(const std::vector<Numerics>& known, MixedHardware mixed);

  struct Admitted {
    int place = 0;  // which of all known Numerics the worker has
    bool is_new = false;
  };
  // Throws ConfigError, naming both machines and what differs, if mixed hardware is refused and the worker's
  // Numerics are not the known ones.
  Admitted admit(Rank from, const Hello& hello);

 private:
  struct Known {
    Numerics numerics;
    std::string whose;
  };

  std::vector<Known> known_;
  MixedHardware mixed_;
};

}  // namespace kvcompare
