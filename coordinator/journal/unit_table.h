// What is known of every unit, in the few numbers that the comparison needs: some 200 bytes a unit. Counts by
// head and position, and NLLs by token, stay in the journal.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "common/ids.h"
#include "common/run/unit_numbers.h"

namespace kvcompare {

// In place of a place, where no record tells of the arithmetic.
inline constexpr int kNotTold = -1;

struct UnitRecord {
  std::optional<UnitNumbers> summary{};  // absent: no attempt has succeeded
  double seconds = 0;                    // that it took
  int n_failed = 0;                      // attempts that failed
  std::string reason{};                  // of the last of them
  int numerics = kNotTold;               // place in the journal of those that the summary was computed with
};

using UnitTable = std::map<UnitId, UnitRecord>;

// A unit that has failed this often is not tried again: it is quarantined.
inline constexpr int kMaxAttempts = 3;

inline bool is_settled(const UnitRecord& record) { return record.summary || record.n_failed >= kMaxAttempts; }

}  // namespace kvcompare
