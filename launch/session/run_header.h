// What a run is asked to do, as the header of its journal says it.
#pragma once

#include <vector>

#include "common/run/found_threshold.h"
#include "coordinator/journal/journal_record.h"
#include "launch/session/job.h"
#include "launch/session/job_data.h"

namespace kvcompare {

//   found : thresholds that were found for instances of the job
JournalHeader header_of(const Job& job, const JobData& data, std::vector<FoundThreshold> found);

// Tells in the log what the run is, with warnings. Throws DataError if no sample has a scored token.
void check_and_tell(const JournalHeader& header);

}  // namespace kvcompare
