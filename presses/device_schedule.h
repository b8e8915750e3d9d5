// What a press asks of a GPU, when the GPU engine decides which keys die. The press's row in the registry
// answers this for an instance; worker/gpu/gpu_schedule.h has the schedules.
#pragma once

#include <cstdint>
#include <variant>

namespace kvcompare {

// The GPU engine refuses the method, and says what would be accepted.
struct RefusedOnDevice {};

// No key is evicted.
struct KeepAllOnDevice {};

// The press decides on the host, from the states of the layer that it reads, which are copied to the host.
// This is right for every press, and slower than kernels.
struct HostSchedule {};

// A FixedScorer computes its scores on the device, and kernels apply the policy.
struct TokenScores {};

// As TokenScores, but the scores are known before there is a token, so the death times of all layers are
// found at once. The score of a key is its position.
struct PositionScores {};

// As PositionScores. The score of a key is the number that common/philox.h makes of (seed, sample, layer, KV
// head, position).
struct PhiloxScores {
  std::uint64_t seed = 0;
};

// Kernels that score keys by the attention expected from Gaussian future queries, whose mean and covariance
// are those of the queries so far: docs/semantics.md, section 3, expected_attention.
struct GaussianQueries {
  std::int64_t n_future_positions = 0;
  bool use_covariance = true;
  bool use_vnorm = true;
};

// Kernels that score keys by the attention received, divided by the number of queries that could have given
// it: docs/semantics.md, section 3, observed_attention.
struct MeanAttentionReceived {};

using DeviceSchedule = std::variant<RefusedOnDevice, KeepAllOnDevice, HostSchedule, TokenScores,
                                    PositionScores, PhiloxScores, GaussianQueries, MeanAttentionReceived>;

}  // namespace kvcompare
