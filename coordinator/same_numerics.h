#pragma once

#include <string>
#include <vector>

#include "common/ids.h"
#include "common/messages/messages.h"
#include "common/run/numerics.h"

namespace kvcompare {

enum class MixedHardware { kRefuse, kAdmit };

// Whether all workers of a run, those of earlier sessions included, compute with the same arithmetic.
class SameNumerics {
 public:
  // known: of the units that the journal holds, each under its place there.
  SameNumerics(const std::vector<Numerics>& known, MixedHardware mixed);

  struct Admitted {
    int place = 0;  // of the worker's Numerics among all that are known
    bool is_new = false;
  };
  // Throws ConfigError naming both machines and what differs, if the worker's Numerics are not those that are
  // known, and mixed hardware is refused.
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
