// results.h5: every number of the run as arrays. Layout: docs/results.md.
#pragma once

#include <filesystem>
#include <string>

#include "coordinator/comparison/comparison.h"
#include "coordinator/reports/read_run.h"

namespace kvcompare {

// Replaces the file at `path`. Reads each unit once and holds only a few units in memory. Throws OutputError.
void write_results_hdf5(const std::filesystem::path& path, const Comparison& comparison, const ReadRun& read);

// Returns the version of the HDF5 library that is loaded: "1.10.8".
std::string hdf5_library_version();

}  // namespace kvcompare
