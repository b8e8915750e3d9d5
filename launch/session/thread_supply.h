// The threads that the system gives this process. Thread pools of libraries do not ask: pthreadpool, in
// libtorch, waits for ever for threads that could not be started.
#pragma once

#include <string>

namespace kvcompare {

// Threads that evaluating with n_threads starts at once, beside the main one: those of an engine and of
// OpenMP, one that computes, one that hashes, and two to spare.
int n_threads_beside_main(int n_threads);

// Starts n threads that live at the same time, and ends them. Throws Error (kInternal) naming limit and
// number if the system does not give them.
void require_threads(int n);

// Makes libtorch compute with n threads on the calling thread, after
// require_threads(n_threads_beside_main(n)).
void use_threads_of_libtorch(int n);

// "Limits: RLIMIT_NPROC (ulimit -u) 4; pids.max 20 of the cgroup /a/b, 20 in use"
std::string limits_of_threads();

}  // namespace kvcompare
