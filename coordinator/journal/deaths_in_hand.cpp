#include "coordinator/journal/deaths_in_hand.h"

#include <utility>

#include "common/plural.h"

namespace kvcompare {

std::string reason_of(const Deaths& deaths) {
  return "the process died " + counted(deaths.n, "time") + " while it evaluated this unit, " +
         std::to_string(deaths.n_alone) + " of them with nothing else in hand";
}

void DeathsInHand::assigned(const std::vector<UnitId>& units, bool alone) {
  is_alone_ = alone && in_hand_.empty();
  in_hand_.insert(units.begin(), units.end());
}

void DeathsInHand::answered(UnitId unit) { in_hand_.erase(unit); }

void DeathsInHand::session_is_over() {
  for (const auto unit : std::exchange(in_hand_, {})) {
    auto& deaths = deaths_[unit];
    ++deaths.n;
    if (is_alone_) ++deaths.n_alone;
  }
}

void DeathsInHand::renumber(const std::function<UnitId(UnitId)>& now) {
  std::map<UnitId, Deaths> deaths;
  for (const auto& [unit, known] : deaths_) deaths.emplace(now(unit), known);
  std::set<UnitId> in_hand;
  for (const auto unit : in_hand_) in_hand.insert(now(unit));
  deaths_ = std::move(deaths);
  in_hand_ = std::move(in_hand);
}

}  // namespace kvcompare
