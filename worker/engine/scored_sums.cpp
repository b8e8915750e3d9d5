#include "worker/engine/scored_sums.h"

#include <utility>

namespace kvcompare {

void put_scored(UnitResult& result, const Sample& sample, std::vector<double> token_nll) {
  auto& numbers = result.numbers;
  result.unit.sample = sample.index;
  result.scored = sample.scored;
  numbers.n_tokens = std::ssize(sample.ids);
  numbers.n_unscored =
      numbers.n_tokens - 1 - n_scored_of({0, numbers.n_tokens}, sample.scored, numbers.n_tokens);
  if (sample.scored_text) {
    numbers.scored_bytes = sample.scored_text->n_bytes;
    numbers.scored_words = sample.scored_text->n_words;
  }
  for_each_scored(sample.scored, numbers.n_tokens, [&](std::int64_t token) {
    numbers.total_nll += token_nll[static_cast<std::size_t>(token - 1)];
  });
  result.token_nll = std::move(token_nll);
}

}  // namespace kvcompare
