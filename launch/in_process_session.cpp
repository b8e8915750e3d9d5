#include "launch/in_process_session.h"

#include <exception>
#include <thread>

#include <ATen/Parallel.h>

#include "common/in_process_messenger.h"
#include "worker/worker_loop.h"

namespace kvcompare {
namespace {

void work(InProcessExchange& exchange, Rank rank, const LocalWorker& worker) {
  try {
    at::set_num_threads(1);  // holds for this thread: what computes with several has its own
    const auto messenger = exchange.endpoint(rank);
    const auto evaluator = worker.make_evaluator();
    run_worker(*messenger, *evaluator, worker.device);
  } catch (...) {
    exchange.abort(std::current_exception());
  }
}

}  // namespace

Gathered run_in_process(const std::vector<LocalWorker>& workers, const Plan& plan,
                        const std::vector<Sample>& samples, const std::vector<MethodSpec>& methods,
                        const CoordinatorHooks& hooks) {
  InProcessExchange exchange(static_cast<int>(workers.size()) + 1);
  std::vector<std::jthread> threads;
  try {
    for (std::size_t w = 0; w < workers.size(); ++w) {
      const Rank rank(static_cast<std::int64_t>(w) + 1);
      threads.emplace_back([&exchange, rank, &worker = workers[w]] { work(exchange, rank, worker); });
    }
    return coordinate(*exchange.endpoint(kCoordinator), static_cast<int>(workers.size()), plan, samples,
                      methods, hooks);
  } catch (...) {
    exchange.abort(std::current_exception());
    throw;
  }
}

}  // namespace kvcompare
