// --target_density: thresholds are found before the run begins, and an earlier session's are taken from its
// journal.
#pragma once

#include <optional>
#include <vector>

#include "common/messages/mpi_environment.h"
#include "common/run/found_threshold.h"
#include "common/run/run_options.h"
#include "launch/session/job.h"
#include "launch/session/job_data.h"

namespace kvcompare {

// Where this process may search.
struct SearchPlace {
  int n_threads = 1;
  std::optional<PlaceOnHost> on_host{};  // of this rank; absent: there are no others
};

// Completes the instances of the job whose threshold is to be found. Loads the model if the journal does not
// know all of them, searches, and lets the model go.
//   known : of the journal
// Returns what is known now: those of the journal, and then the new ones.
// Throws ConfigError("target_density") if a density cannot be reached on these samples, or the method's
// scores are not fixed, or this process evaluates nothing because of --dedicated_coordinator.
std::vector<FoundThreshold> find_thresholds(Job& job, const JobData& data, const RunOptions& options,
                                            const SearchPlace& place, std::vector<FoundThreshold> known);

// What find_thresholds would have to search for, checked as it checks it. Computes nothing. Completes the
// instances of the job whose threshold the journal knows.
std::vector<MethodSpec> thresholds_to_find(Job& job, const JobData& data, const RunOptions& options,
                                           const SearchPlace& place,
                                           const std::vector<FoundThreshold>& known);

}  // namespace kvcompare
