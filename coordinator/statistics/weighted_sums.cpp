#include "coordinator/statistics/weighted_sums.h"

#include <algorithm>
#include <array>

#include "common/philox.h"
#include "coordinator/comparison/statistics.h"
#include "coordinator/statistics/in_parallel.h"

namespace kvcompare {
namespace {

constexpr std::uint64_t kBootstrapSeed = 0;  // the key of all draws
constexpr std::size_t kWide = 4;             // how many columns, and how many resamples, are summed at once
constexpr std::size_t kWords = 256;          // random words made at once, so that the compiler can vectorise

// kWide numbers for each sample, side by side: [n_samples][kWide].
using Block = std::vector<std::array<double, kWide>>;

// Calls use(i, word) for the words of the counters (high << 64) + i, 0 <= i < n.
template <class Use>
void for_words(std::uint64_t high, std::size_t n, const Use& use) {
  std::array<std::uint32_t, kWords> words;
  for (std::size_t first = 0; first < n; first += kWords) {
    const auto n_words = std::min(kWords, n - first);
    for (std::size_t i = 0; i < n_words; ++i) words[i] = philox_word(kBootstrapSeed, high, first + i);
    for (std::size_t i = 0; i < n_words; ++i) use(first + i, words[i]);
  }
}

// int(u * n), where u is the uniform number that the word stands for. Computed in whole numbers; doubles
// would give the same result.
std::size_t drawn(std::uint32_t word, std::size_t n) {
  return static_cast<std::size_t>((static_cast<std::uint64_t>(word >> 8) * n) >> 24);
}

void set_weights(Weights weights, std::size_t resample, std::size_t lane, Block& block) {
  const auto n = block.size();
  if (weights == Weights::kTimesDrawn) {
    for (auto& row : block) row[lane] = 0;
    for_words(resample, n, [&](std::size_t, std::uint32_t word) { ++block[drawn(word, n)][lane]; });
  } else {
    const auto flip =
        static_cast<std::uint64_t>(kResamples) + resample;  // counters that the bootstrap does not use
    for_words(flip, n, [&](std::size_t s, std::uint32_t word) { block[s][lane] = word >> 31 ? 1 : -1; });
  }
}

std::vector<Block> packed(std::span<const std::vector<double>> columns) {
  std::vector<Block> blocks((columns.size() + kWide - 1) / kWide,
                            Block(columns.empty() ? 0 : columns[0].size()));
  for (std::size_t c = 0; c < columns.size(); ++c)
    for (std::size_t s = 0; s < columns[c].size(); ++s) blocks[c / kWide][s][c % kWide] = columns[c][s];
  return blocks;
}

// [resample][column]
std::array<std::array<double, kWide>, kWide> products(const Block& weights, const Block& values) {
  std::array<std::array<double, kWide>, kWide> sums{};
  for (std::size_t s = 0; s < weights.size(); ++s)
    for (std::size_t r = 0; r < kWide; ++r)
      for (std::size_t c = 0; c < kWide; ++c) sums[r][c] += weights[s][r] * values[s][c];
  return sums;
}

}  // namespace

WeightedSums::WeightedSums(Weights weights, std::span<const std::vector<double>> columns,
                           std::int64_t n_resamples, int n_threads)
    : n_resamples_(static_cast<std::size_t>(n_resamples)), sums_(columns.size() * n_resamples_) {
  const auto blocks = packed(columns);
  const auto n_samples = columns.empty() ? 0 : columns[0].size();
  const auto n_groups = (n_resamples_ + kWide - 1) / kWide;
  in_parallel(static_cast<std::int64_t>(n_groups), n_threads, [&](std::int64_t group) {
    Block row(n_samples);
    const auto first = static_cast<std::size_t>(group) * kWide;
    for (std::size_t lane = 0; lane < kWide; ++lane) set_weights(weights, first + lane, lane, row);
    for (std::size_t b = 0; b < blocks.size(); ++b) {
      const auto sums = products(row, blocks[b]);
      for (std::size_t r = 0; r < kWide && first + r < n_resamples_; ++r)
        for (std::size_t c = 0; c < kWide && b * kWide + c < columns.size(); ++c)
          sums_[(b * kWide + c) * n_resamples_ + first + r] = sums[r][c];
    }
  });
}

}  // namespace kvcompare
