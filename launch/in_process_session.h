// Coordinator and workers in one process: one thread a worker, the coordinator on the calling thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "coordinator/coordinator_loop.h"
#include "worker/evaluator.h"

namespace kvcompare {

struct LocalWorker {
  std::string device;                                          // as told to the coordinator
  std::function<std::unique_ptr<Evaluator>()> make_evaluator;  // called on the worker's own thread
};

// What coordinate() gives. Throws what the coordinator or the first worker to fail threw, when all threads
// have ended.
Gathered run_in_process(const std::vector<LocalWorker>& workers, const Plan& plan,
                        const std::vector<Sample>& samples, const std::vector<MethodSpec>& methods,
                        const CoordinatorHooks& hooks);

}  // namespace kvcompare
