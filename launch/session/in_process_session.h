// Workers as threads of this process, and the coordinator on the calling thread.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "common/messages/in_process_messenger.h"
#include "coordinator/coordinator_loop.h"
#include "worker/engine/evaluator.h"

namespace kvcompare {

struct ReadyWorker {
  Hello hello;  // n_tokens_at_once is filled in later
  std::unique_ptr<Evaluator> evaluator;
};

// What a worker does from its first message to its last, on a thread of its own.
using LocalWorker = std::function<void(Messenger&)>;

// One that evaluates units. get_ready is called on the worker's own thread; what it holds is kept.
LocalWorker evaluating_worker(std::function<ReadyWorker()> get_ready,
                              std::filesystem::path computed_log = {});

// Starts the workers, as ranks 1 ... n; they end with the object. One that dies makes the coordinator's
// endpoint throw what it threw.
class LocalWorkers {
 public:
  explicit LocalWorkers(const std::vector<LocalWorker>& workers);
  ~LocalWorkers();

  int size() const { return static_cast<int>(threads_.size()); }
  Messenger& coordinator_endpoint() { return *endpoint_; }

 private:
  InProcessExchange exchange_;
  std::unique_ptr<Messenger> endpoint_;
  std::vector<std::jthread> threads_;
};

}  // namespace kvcompare
