// Writes config.json of a tiny model and of its KVzap surrogate.
#pragma once

#include <string>

#include "tests/support/tiny_model.h"

namespace kvcompare {

inline constexpr std::int64_t kTinyScorerHidden = 24;

std::string tiny_model_config(const TinyModelSpec& spec);
std::string tiny_scorer_config(const TinyModelSpec& spec);

}  // namespace kvcompare
