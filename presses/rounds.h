// Work that goes on in rounds, for as many threads as there are. The tasks of a round touch nothing of each
// other, so any threads may run them in any order. The next round needs all of them. What a task is follows
// from the work alone, never from the number of threads; so no result depends on it.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

namespace kvcompare {

class Rounds {
 public:
  virtual ~Rounds() = default;

  // Of the present round; 0 when all is done.
  virtual std::size_t n_tasks() const = 0;
  // Each task of the present round once, on any thread. After an exception the work cannot go on.
  virtual void run(std::size_t task) = 0;
  // When all tasks of the present round are done, on one thread: begins the next. Cheap.
  virtual void next_round() = 0;
};

// All rounds, on this thread.
void run_all(Rounds& rounds);

// Several rounds, one after the other.
struct Round {
  std::size_t n_tasks = 0;
  std::function<void(std::size_t task)> run;
};
std::unique_ptr<Rounds> rounds_in_turn(std::vector<Round> rounds);

// One round of n_tasks.
std::unique_ptr<Rounds> one_round(std::size_t n_tasks, std::function<void(std::size_t task)> run);

}  // namespace kvcompare
