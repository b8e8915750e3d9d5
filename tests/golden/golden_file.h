// The oracle's numbers for one model, as regenerate.sh writes them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "common/ids.h"
#include "tests/support/flags_and_chunks.h"

namespace kvcompare {

struct GoldenSample {
  SampleIndex sample;
  std::int64_t n_tokens = 0;
  double total_nll = 0;
  double nll_moment = 0;  // sum over t of (t + 1) * token_nll[t]: sensitive to the order of tokens
  std::vector<std::int64_t> kept_per_head;
  std::int64_t attended = 0;
  std::int64_t attendable = 0;
  std::int64_t compressible = 0;
  std::int64_t compressible_kept = 0;
  std::int64_t peak = 0;
  // Smallest relative change of scores that could have changed an eviction; absent if none could.
  std::optional<double> near_tie;
};

struct GoldenCase {
  std::string method;
  std::string flags;   // as written, for messages
  FlagsAndChunks run;  // the flags over the defaults
  std::vector<GoldenSample> samples;
};

// A model that lies outside the project.
struct GoldenAsset {
  std::string folder;                     // below the assets
  std::vector<std::int64_t> scorer;       // layers, KV heads, hidden size, seed of write_tiny_scorer
  std::vector<std::vector<TokenId>> ids;  // samples
};

struct GoldenFile {
  std::optional<std::string> preset;  // of the tiny model, if it is not the file's name
  std::string weights;                // hash of what the tests generated
  std::optional<GoldenAsset> asset;
  std::vector<GoldenCase> cases;
};

GoldenFile read_golden_file(const std::filesystem::path& path);

}  // namespace kvcompare
