// Tiny models and samples drawn from a seed, for properties that hold for all of them.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "common/data/sample.h"
#include "common/ids.h"
#include "tests/support/tiny_model.h"

namespace kvcompare {

// KVCOMPARE_TEST_SEED, else a fixed one.
std::uint64_t property_seed();

TinyModelSpec random_model(std::mt19937_64& generator);

// Of n_tokens tokens of the vocabulary.
std::vector<TokenId> random_sample(std::mt19937_64& generator, std::int64_t n_tokens, std::int64_t vocab);

// Names every token but the first as scored, in ranges of random lengths, and random evidence of them: of all
// together or of each.
void put_random_evidence(std::mt19937_64& generator, Sample& sample);

}  // namespace kvcompare
