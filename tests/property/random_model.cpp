#include "tests/property/random_model.h"

#include <cstdlib>
#include <string>

namespace kvcompare {
namespace {

// std::uniform_int_distribution differs between standard libraries.
std::int64_t up_to(std::mt19937_64& generator, std::int64_t n) {
  return static_cast<std::int64_t>(generator() % static_cast<std::uint64_t>(n));
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

}  // namespace kvcompare
