// What kvcompare doctor examines on a host, apart from limits, GPUs and the output folder.
#pragma once

#include "launch/commands/doctor_findings.h"

namespace kvcompare::doctor {

Finding processor();
Finding locale();
Finding libtorch();
Finding hdf5();
Finding parquet();
Finding mpi();
Finding slurm();
Finding shared_memory();

}  // namespace kvcompare::doctor
