#include "presses/rounds.h"

#include <utility>

namespace kvcompare {
namespace {

class OneRound : public Rounds {
 public:
  OneRound(std::size_t n_tasks, std::function<void(std::size_t)> run)
      : n_tasks_(n_tasks), run_(std::move(run)) {}
  std::size_t n_tasks() const override { return n_tasks_; }
  void run(std::size_t task) override { run_(task); }
  void next_round() override { n_tasks_ = 0; }

 private:
  std::size_t n_tasks_;
  const std::function<void(std::size_t)> run_;
};

}  // namespace

void run_all(Rounds& rounds) {
  for (; rounds.n_tasks() > 0; rounds.next_round())
    for (std::size_t task = 0; task < rounds.n_tasks(); ++task) rounds.run(task);
}

std::unique_ptr<Rounds> one_round(std::size_t n_tasks, std::function<void(std::size_t)> run) {
  return std::make_unique<OneRound>(n_tasks, std::move(run));
}

}  // namespace kvcompare
