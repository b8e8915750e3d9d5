// A part of a run's samples that a run of its own evaluates, so that the tasks of a Slurm array need no MPI.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/ids.h"

namespace kvcompare {

// The samples I - 1, I - 1 + N, I - 1 + 2 N, ... of the data set, for shard I of N. So samples keep their
// shard when a run grows, and neighbours, which are often alike in length, come into different shards.
struct Shard {
  std::int64_t number = 1;  // I, from 1 to n
  std::int64_t n = 1;

  static constexpr std::array kFields{"number", "of"};
  friend bool operator==(const Shard&, const Shard&) = default;
};

// "2/3". Absent if the text is not of this form, or if 1 <= I <= N does not hold.
std::optional<Shard> parse_shard(std::string_view text);
std::string to_string(const Shard& shard);

// Whether the run evaluates the sample. Absent: it is a whole run.
bool holds(const std::optional<Shard>& shard, SampleIndex sample);

// How many of the first n_samples samples it holds.
std::int64_t n_samples_of(const std::optional<Shard>& shard, std::int64_t n_samples);

}  // namespace kvcompare
