#include "tests/property/random_model.h"

#include <algorithm>
#include <cstdlib>
#include <string>

namespace kvcompare {
namespace {

// std::uniform_int_distribution differs between standard libraries.
std::int64_t up_to(std::mt19937_64& generator, std::int64_t n) {
  return static_cast<std::int64_t>(generator() % static_cast<std::uint64_t>(n));
}

// Every token is in a range with a chance of one in two; ranges may touch.
std::vector<TokenRange> random_evidence(std::mt19937_64& generator, std::int64_t n_tokens) {
  std::vector<TokenRange> ranges;
  for (std::int64_t begin = up_to(generator, 4); begin < n_tokens;) {
    const auto end = std::min(n_tokens, begin + 1 + up_to(generator, 9));
    ranges.push_back({begin, end});
    begin = end + up_to(generator, 9);
  }
  return ranges;
}

}  // namespace

std::uint64_t property_seed() {
  const char* text = std::getenv("KVCOMPARE_TEST_SEED");
  return text == nullptr ? 20250117 : std::stoull(text);
}

TinyModelSpec random_model(std::mt19937_64& generator) {
  TinyModelSpec spec;
  spec.arch = static_cast<TinyArch>(up_to(generator, 4));
  spec.seed = generator();
  spec.vocab = 60 + up_to(generator, 100);
  spec.layers = 1 + up_to(generator, 3);
  spec.kv_heads = 1 + up_to(generator, 3);
  spec.heads = spec.kv_heads * (1 + up_to(generator, 4));
  spec.head_dim = 4 + 2 * up_to(generator, 5);
  spec.hidden = spec.head_dim * spec.heads;
  if (spec.arch == TinyArch::kQwen3) spec.hidden += 8;
  spec.rope = static_cast<TinyRope>(up_to(generator, 3));
  spec.head = static_cast<TinyHead>(up_to(generator, 2));
  spec.scorer = static_cast<TinyScorer>(up_to(generator, 2));
  return spec;
}

std::vector<TokenId> random_sample(std::mt19937_64& generator, std::int64_t n_tokens, std::int64_t vocab) {
  std::vector<TokenId> ids;
  while (static_cast<std::int64_t>(ids.size()) < n_tokens) ids.push_back(up_to(generator, vocab));
  return ids;
}

void put_random_evidence(std::mt19937_64& generator, Sample& sample) {
  const auto n_tokens = std::ssize(sample.ids);
  sample.scored.clear();
  for (std::int64_t begin = 1; begin < n_tokens; begin = sample.scored.back().end)
    sample.scored.push_back({begin, std::min(n_tokens, begin + 1 + up_to(generator, 12))});
  const auto n_lists = up_to(generator, 2) == 0 ? 1 : sample.scored.size();
  sample.evidence.clear();
  for (std::size_t i = 0; i < n_lists; ++i) sample.evidence.push_back(random_evidence(generator, n_tokens));
}

}  // namespace kvcompare
