// Decides on which prompts a surrogate of KVzap is trained, and at which of their positions.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/data/repeated_prompt.h"
#include "common/data/sample.h"
#include "common/run/kvzap_training_spec.h"
#include "coordinator/journal/fingerprint.h"

namespace kvcompare {

struct TrainingPlan {
  std::vector<RepeatedPrompt> prompts;  // in data-set order
  std::set<SampleIndex> held_out;       // those that are held out
};

struct PlanInputs {
  std::string data_path;               // for messages
  const std::vector<Sample>& samples;  // cut off at max_tokens
  std::vector<TokenId> begin;          // ids that the tokenizer puts before a text; they are not repeated
  std::vector<TokenId> request;        // ids of the request to repeat
  std::int64_t d_model = 0;
};

// Throws DataError if there are fewer than two prompts of min_tokens, or fewer positions to fit to than
// d_model. The message says how much there is and how much is needed.
TrainingPlan plan_training(const PlanInputs& inputs, const KvzapTrainingSpec& spec);

// Everything that can change a weight of the surrogate.
struct TrainingInputs {
  InputHashes hashes;
  Versions versions;
  std::optional<Numerics> numerics{};  // the arithmetic of the training; absent if it may differ
  std::string dtype;
  std::string device_type;
};
Identity training_identity(const KvzapTrainingSpec& spec, const TrainingInputs& inputs);

}  // namespace kvcompare
