// What an engine computes of the next-token distribution at every predicted token, and what follows from it.
#pragma once

#include <vector>

#include "common/data/sample.h"
#include "common/run/unit_result.h"

namespace kvcompare {

// [n_tokens - 1] each, of the tokens at positions 1, 2, ...; those of the reference are empty if the task has
// none. p: the distribution under the method; p0: that of the reference.
struct TokenDistributions {
  std::vector<double> nll{};    // nats
  std::vector<TokenId> top1{};  // the most likely token; the smallest id on a tie

  std::vector<double> kl{};          // nats: sum over v of p0(v) (ln p0(v) - ln p(v))
  std::vector<double> acceptance{};  // sum over v of min(p(v), p0(v))
  std::vector<double> reference_nll{};
  std::vector<TokenId> reference_top1{};
};

// Adds the tokens of a later part of the sample.
void append(TokenDistributions& tokens, const TokenDistributions& later);

// Fills in the result what tokens give: total_nll, answers, divergence, sketches, token_nll, token_quality;
// and of span_evidence, which must be there, the sums. Sums are over scored tokens, in order. If a number of
// a token is not finite, what would be made of it is left out: such a unit fails.
void put_tokens(UnitResult& result, const Sample& sample, TokenDistributions tokens);

}  // namespace kvcompare
