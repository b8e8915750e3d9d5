// Does long work on another thread while the calling thread does something else.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <thread>
#include <utility>

namespace kvcompare {

// Calls work(n_done) on another thread, and meanwhile(n_done) on this thread, again and again, until the work
// is done. Returns what the work returns; throws what it throws. If `meanwhile` throws, its exception is
// thrown at once, without waiting for the work, which may take hours.
//   work : must own what it uses, because it outlives the call if `meanwhile` throws
template <class Value, class Work, class Meanwhile>
Value while_another_thread_works(Work work, const Meanwhile& meanwhile) {
  auto n_done = std::make_shared<std::atomic<std::int64_t>>(0);
  std::packaged_task<Value()> task([work = std::move(work), n_done] { return work(*n_done); });
  auto value = task.get_future();  // unlike a future of std::async, it does not wait when it is destroyed
  std::thread(std::move(task)).detach();
  while (value.wait_for(std::chrono::seconds(0)) != std::future_status::ready) meanwhile(n_done->load());
  return value.get();
}

}  // namespace kvcompare
