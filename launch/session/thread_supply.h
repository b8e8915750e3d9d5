// Makes sure that the system gives this process enough threads. Thread pools of libraries do not check:
// libtorch's pthreadpool waits for ever for threads that could not be started.
#pragma once

#include <string>

namespace kvcompare {

// How many threads evaluating with n_threads starts at once, beside the main thread: those of an engine and
// of OpenMP, one that computes, one that hashes, and two to spare.
int n_threads_beside_main(int n_threads);

// Starts n threads that live at the same time, and ends them again. Throws Error (kInternal) naming limit and
// number if the system does not give them.
void require_threads(int n);

// Makes libtorch compute with n threads on the calling thread. Calls
// require_threads(n_threads_beside_main(n)) first.
void use_threads_of_libtorch(int n);

// "Limits: RLIMIT_NPROC (ulimit -u) 4; pids.max 20 of the cgroup /a/b, 20 in use"
std::string limits_of_threads();

}  // namespace kvcompare
