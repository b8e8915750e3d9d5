// Independent pieces of work on several threads.
#pragma once

#include <cstdint>
#include <functional>

namespace kvcompare {

// Calls work(0) ... work(n - 1), each once, on up to n_threads threads; fewer if the system does not give
// them, the caller's among them. Throws what one of them threw, after all have ended.
void in_parallel(std::int64_t n, int n_threads, const std::function<void(std::int64_t)>& work);

}  // namespace kvcompare
