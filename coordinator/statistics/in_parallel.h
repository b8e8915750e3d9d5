// Does independent pieces of work on several threads.
#pragma once

#include <cstdint>
#include <functional>

namespace kvcompare {

// Calls work(0) ... work(n - 1), each once, on up to n_threads threads, of which the calling thread is one.
// Uses fewer threads if the system does not give them. When all have ended, throws what one of the calls
// threw.
void in_parallel(std::int64_t n, int n_threads, const std::function<void(std::int64_t)>& work);

}  // namespace kvcompare
