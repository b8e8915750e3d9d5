// Runs workers as threads of this process, with the coordinator on the calling thread.
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

// Everything that a worker does, from its first message to its last, on its own thread.
using LocalWorker = std::function<void(Messenger&)>;

// A worker that evaluates units. It calls get_ready on its own thread, and keeps the result until it ends.
LocalWorker evaluating_worker(std::function<ReadyWorker()> get_ready,
                              std::filesystem::path computed_log = {});

// Starts the workers as ranks 1 ... n. They end with the object. If a worker throws, the coordinator's
// endpoint throws the same exception.
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
