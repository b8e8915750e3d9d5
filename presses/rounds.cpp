#include "presses/rounds.h"

#include <utility>

namespace kvcompare {
namespace {

class RoundsInTurn : public Rounds {
 public:
  explicit RoundsInTurn(std::vector<Round> rounds) : rounds_(std::move(rounds)) {}
  std::size_t n_tasks() const override { return present_ < rounds_.size() ? rounds_[present_].n_tasks : 0; }
  void run(std::size_t task) override { rounds_[present_].run(task); }
  void next_round() override { ++present_; }

 private:
  const std::vector<Round> rounds_;
  std::size_t present_ = 0;
};

}  // namespace

void run_all(Rounds& rounds) {
  for (; rounds.n_tasks() > 0; rounds.next_round())
    for (std::size_t task = 0; task < rounds.n_tasks(); ++task) rounds.run(task);
}

std::unique_ptr<Rounds> rounds_in_turn(std::vector<Round> rounds) {
  return std::make_unique<RoundsInTurn>(std::move(rounds));
}

std::unique_ptr<Rounds> one_round(std::size_t n_tasks, std::function<void(std::size_t)> run) {
  return rounds_in_turn({{n_tasks, std::move(run)}});
}

}  // namespace kvcompare
