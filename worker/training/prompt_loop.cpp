#include "worker/training/prompt_loop.h"

#include <atomic>
#include <chrono>
#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include <ATen/Parallel.h>

#include "common/errors.h"
#include "common/fault_point.h"
#include "worker/training/kvzip_targets.h"
#include "worker/training/target_table.h"

namespace kvcompare {
namespace {

constexpr std::chrono::milliseconds kPatience{1000};

// The table of each prompt, in their order. Rethrows the first thing that a thread threw.
std::vector<std::string> tables_of(const Model& model, const std::vector<RepeatedPrompt>& prompts,
                                   int n_threads) {
  std::vector<std::string> tables(prompts.size());
  std::atomic<std::size_t> next = 0;
  std::mutex mutex;
  std::exception_ptr failure;
  const auto work = [&] {
    at::set_num_threads(1);  // holds for this thread
    try {
      for (auto i = next++; i < prompts.size(); i = next++)
        tables[i] = target_table(kvzip_targets(model, prompts[i]));
    } catch (...) {
      next = prompts.size();
      const std::lock_guard lock(mutex);
      if (!failure) failure = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < n_threads; ++t) threads.emplace_back(work);
  }
  if (failure) std::rethrow_exception(failure);
  return tables;
}

}  // namespace

void run_prompt_worker(Messenger& messenger, const Model& model, Hello hello, std::int64_t longest_context,
                       int n_threads) {
  hello.n_tokens_at_once = n_threads * longest_context;
  messenger.send(kCoordinator, std::move(hello));
  for (;;) {
    auto envelope = messenger.receive(kPatience);
    if (!envelope) continue;
    if (std::holds_alternative<Stop>(envelope->message)) break;
    const auto* assign = std::get_if<AssignPrompts>(&envelope->message);
    require(assign != nullptr, "a worker that collects targets was sent another task");
    auto tables = tables_of(model, assign->prompts, n_threads);
    for (std::size_t i = 0; i < tables.size(); ++i) {
      fault_point("worker_before_send");
      messenger.send(kCoordinator, PromptTargets{assign->prompts[i].sample, std::move(tables[i])});
    }
  }
  messenger.send(kCoordinator, Goodbye{});
}

}  // namespace kvcompare
