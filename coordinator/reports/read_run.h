#pragma once

#include "coordinator/journal/journal.h"
#include "coordinator/reports/read_tokens.h"
#include "coordinator/reports/read_unit.h"

namespace kvcompare {

// Reads what a comparison does not hold, unit by unit and sample by sample.
struct ReadRun {
  ReadUnit unit;
  ReadTokens tokens = [](SampleIndex) { return std::nullopt; };
};

// The journal must live as long as the result.
inline ReadRun read_run(const Journal& journal) {
  return {[&journal](UnitId unit) { return journal.read_unit(unit); },
          [&journal](SampleIndex sample) { return journal.read_tokens(sample); }};
}

}  // namespace kvcompare
