// A run grows: more instances or more samples are asked for, and what is known stays.
#pragma once

#include <string>
#include <vector>

#include "coordinator/journal/fingerprint.h"
#include "coordinator/journal/journal_record.h"

namespace kvcompare {

// Nothing is to be evaluated that was not asked for before, and results tell the same of the data.
bool asks_for_the_same(const JournalHeader& then, const JournalHeader& now);

// What does not change when a run grows is the same.
bool has_same_fixed_part(const JournalHeader& then, const JournalHeader& now);

// Instances of `then` that `now` does not have, by instance_name().
std::vector<std::string> missing_instances(const RunSpec& then, const RunSpec& now);

// `now` asks for all that `then` did, of the same model, data and everything else that counts.
//   data_as_then : hash of the token ids of the first then.n_samples samples, as they are now; empty if there
//                  are fewer
// Throws ConfigError("resume") naming what differs or is missing.
void refuse_other_run(const JournalHeader& then, const JournalHeader& now, const std::string& data_as_then,
                      const BegunWith& begun);

}  // namespace kvcompare
