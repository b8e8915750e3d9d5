// Which units the process died over. A unit that crashes the process leaves no failed attempt behind, only an
// assignment that was never answered. The journal notes assignments for this reason.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/ids.h"

namespace kvcompare {

// How often a session died, that is ended without a word, while a unit was in the hand of a worker.
struct Deaths {
  int n = 0;
  int n_alone = 0;  // of these: while no other unit was in any hand
  friend bool operator==(const Deaths&, const Deaths&) = default;
};

// After so many deaths in company a unit is evaluated alone, behind all others: then the others are done, and
// a further death shows whether it was this unit. A single death in company says little, because all that was
// in hand comes into question.
inline constexpr int kDeathsInCompany = 2;
// After so many deaths alone the unit is quarantined. One may be a chance: somebody killed the process.
inline constexpr int kDeathsAlone = 2;

inline bool runs_alone(const Deaths& deaths) { return deaths.n >= kDeathsInCompany; }
inline bool is_deadly(const Deaths& deaths) { return deaths.n_alone >= kDeathsAlone; }

// "the process died 4 times while ..."
std::string reason_of(const Deaths& deaths);

// Follows the records of a journal in their order.
class DeathsInHand {
 public:
  void assigned(const std::vector<UnitId>& units, bool alone);
  void answered(UnitId unit);  // by a result or by a failure
  // The session ended, or is about to end, for a reason that is no unit's.
  void excused() { in_hand_.clear(); }
  // A new session begins: what the one before still had in hand, it died over.
  void session_is_over();
  // The unit has a result, or has been given up: its deaths do not count any more.
  void settled(UnitId unit) { deaths_.erase(unit); }
  // Units are known by other ids from now on.
  void renumber(const std::function<UnitId(UnitId)>& now);

  const std::map<UnitId, Deaths>& deaths() const { return deaths_; }

 private:
  std::map<UnitId, Deaths> deaths_;
  std::set<UnitId> in_hand_;
  bool is_alone_ = false;
};

}  // namespace kvcompare
