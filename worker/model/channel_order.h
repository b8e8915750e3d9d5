// The order of the channels of queries and keys.
#pragma once

#include <cstdint>
#include <vector>

#include "worker/model/rope_config.h"

namespace kvcompare {

// How many channels of a head turn: the first ones.
std::int64_t turning_channels(const RopeConfig& rope, std::int64_t head_dim);

// Where each channel of a head of queries or keys stands in a checkpoint. Engines keep the two channels that
// turn together head_dim / 2 apart, whatever the checkpoint does; the product of a query and a key does not
// depend on the order. Empty if the checkpoint has that order.
std::vector<std::int64_t> stored_channels(const RopeConfig& rope, std::int64_t head_dim);

}  // namespace kvcompare
