// The coordinator's part of what a run reads: the data set, and the hashes of all that its numbers depend on.
#pragma once

#include <map>
#include <span>
#include <string>

#include "common/data/dataset.h"
#include "common/run/run_spec.h"
#include "coordinator/journal/fingerprint.h"
#include "launch/session/job.h"

namespace kvcompare {

// How the run names the fields of its data.
TextFields text_fields(const RunSpec& spec);

struct JobData {
  Dataset dataset;
  InputHashes hashes;
  std::map<std::string, std::string> scorers;  // SHA-256 of scorers and scores, by the place that names them
};

// Throws ConfigError, DataError or CheckpointError.
JobData read_data(const Job& job, int n_threads);

// Of the token ids, and of what is known of them: which are scored, evidence and context.
std::string hash_of(std::span<const Sample> samples);

// 0 without samples.
std::int64_t n_tokens_of_longest(std::span<const Sample> samples);

// With the hashes of the scorers in its instances.
RunSpec with_scorers(RunSpec spec, const JobData& data);

}  // namespace kvcompare
