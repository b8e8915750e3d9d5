// What a run is asked to do, as the header of its journal says it.
#pragma once

#include <optional>
#include <vector>

#include "common/run/found_threshold.h"
#include "common/run/shard.h"
#include "coordinator/journal/journal_record.h"
#include "launch/session/job.h"
#include "launch/session/job_data.h"

namespace kvcompare {

//   found : thresholds that were found for instances of the job
//   shard : of the samples; absent: all of them
JournalHeader header_of(const Job& job, const JobData& data, std::vector<FoundThreshold> found,
                        const std::optional<Shard>& shard);

// Tells in the log what the run is, with warnings. Throws DataError if no sample has a scored token.
void check_and_tell(const JournalHeader& header);

}  // namespace kvcompare
