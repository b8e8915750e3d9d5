#include "coordinator/statistics/in_parallel.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace kvcompare {
namespace {

void start(std::vector<std::jthread>& threads, std::int64_t n, const std::function<void()>& run) {
  try {
    while (std::ssize(threads) < n) threads.emplace_back(run);
  } catch (const std::system_error&) {  // the system gives no more threads; those that exist do all the work
  }
}

}  // namespace

void in_parallel(std::int64_t n, int n_threads, const std::function<void(std::int64_t)>& work) {
  std::atomic<std::int64_t> next = 0;
  std::exception_ptr error;
  std::mutex mutex;
  const auto run = [&] {
    try {
      for (auto i = next++; i < n; i = next++) work(i);
    } catch (...) {
      next = n;
      const std::scoped_lock lock(mutex);
      error = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> threads;
    start(threads, std::min<std::int64_t>(n, n_threads) - 1, run);
    run();
  }
  if (error) std::rethrow_exception(error);
}

}  // namespace kvcompare
