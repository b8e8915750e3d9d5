#include "launch/session/in_process_session.h"

#include <exception>
#include <utility>

#include <ATen/Parallel.h>

#include "common/errors.h"
#include "worker/engine/worker_loop.h"

namespace kvcompare {
namespace {

void work(InProcessExchange& exchange, Rank rank, const LocalWorker& worker) {
  try {
    at::set_num_threads(1);  // for this thread only; an engine that computes with several threads has its own
    const auto messenger = exchange.endpoint(rank);
    worker(*messenger);
  } catch (...) {
    exchange.abort(std::current_exception());
  }
}

// Ends the workers, so that none waits for a coordinator that no longer exists.
struct CoordinatorEnded : std::exception {
  const char* what() const noexcept override { return "the coordinator has ended"; }
};

}  // namespace

LocalWorker evaluating_worker(std::function<ReadyWorker()> get_ready, std::filesystem::path computed_log) {
  return [get_ready = std::move(get_ready), computed_log = std::move(computed_log)](Messenger& messenger) {
    auto ready = get_ready();
    try {
      run_worker(messenger, *ready.evaluator, ready.hello, computed_log);
    } catch (const DeviceLost&) {
      // The evaluator's memory cannot be returned to a device that has failed, so it is leaked. The process
      // is about to end.
      static_cast<void>(ready.evaluator.release());
      throw;
    }
  };
}

LocalWorkers::LocalWorkers(const std::vector<LocalWorker>& workers)
    : exchange_(static_cast<int>(workers.size()) + 1), endpoint_(exchange_.endpoint(kCoordinator)) {
  try {
    for (std::size_t w = 0; w < workers.size(); ++w) {
      const Rank rank(static_cast<std::int64_t>(w) + 1);
      threads_.emplace_back([this, rank, worker = workers[w]] { work(exchange_, rank, worker); });
    }
  } catch (...) {
    exchange_.abort(std::current_exception());
    throw;
  }
}

LocalWorkers::~LocalWorkers() { exchange_.abort(std::make_exception_ptr(CoordinatorEnded())); }

}  // namespace kvcompare
