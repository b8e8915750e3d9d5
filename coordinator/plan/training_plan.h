// Which prompts a surrogate of KVzap is trained on, and what of them is looked at.
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
  std::set<SampleIndex> held_out;       // of them
};

struct PlanInputs {
  std::string data_path;               // for messages
  const std::vector<Sample>& samples;  // cut at max_tokens
  std::vector<TokenId> begin;          // what the tokenizer puts before a text: not repeated
  std::vector<TokenId> request;        // the repeat prompt
  std::int64_t d_model = 0;
};

// Throws DataError if there are not two prompts of min_tokens, or fewer positions to fit to than d_model; it
// says how much is there and how much is needed.
TrainingPlan plan_training(const PlanInputs& inputs, const KvzapTrainingSpec& spec);

// All that can change a weight of the surrogate.
struct TrainingInputs {
  InputHashes hashes;
  Versions versions;
  std::optional<Numerics> numerics{};  // that it computes with; absent if they may differ
  std::string dtype;
  std::string device_type;
};
Identity training_identity(const KvzapTrainingSpec& spec, const TrainingInputs& inputs);

}  // namespace kvcompare
