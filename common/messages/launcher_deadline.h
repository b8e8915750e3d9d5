// Sets a deadline for mpirun, which has none of its own.
#pragma once

#include <chrono>

namespace kvcompare {

// To end a run, mpirun tells its daemon on every host to end the ranks there, and waits until each has
// answered. A host that is frozen or cut off does not answer, and mpirun would wait for ever. So this
// function starts a process that waits for mpirun and kills it (SIGKILL) if it is still there after
// `patience`. On other hosts the daemon of Open MPI (orted) takes the place of mpirun.
//
// Returns at once. The new process has nothing open and is in a process group of its own, so that it outlives
// this one. If Open MPI has not started this process (srun), nothing happens.
void limit_wait_of_launcher(std::chrono::milliseconds patience);

}  // namespace kvcompare
