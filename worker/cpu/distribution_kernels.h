// The next-token distribution of a row of logits, which comes in blocks of the vocabulary, and its comparison
// with that of another row, in CPU memory, by Google Highway. T: float or double; all in T, sums over blocks
// in double.
#pragma once

#include <cstddef>

#include "common/ids.h"
#include "worker/cpu/row_kernels.h"

namespace kvcompare {

// A row as far as its blocks have come, in the order of the vocabulary.
struct LogitRow {
  LogSumExp log_sum;
  TokenId top1 = -1;  // of the largest logit, the smallest id on a tie; -1 if a logit is no number
};
// first : the id of x[0]
void add_block(const float* x, std::size_t n, TokenId first, LogitRow& row);
void add_block(const double* x, std::size_t n, TokenId first, LogitRow& row);

// Sums over the vocabulary that compare a row of logits x, p = exp(x) / Z, with a reference x0, p0 = exp(x0)
// / Z0.
struct RowDistance {
  // Of exp(x0 - max of x0) ((x0 - x) - (ln Z0 - ln Z)). The difference of the normalisers is subtracted here,
  // and not from the sum, because kl is far smaller than it where a method shifts all logits alike.
  double weighted = 0;
  double excess = 0;  // of Z0 max(p0 - p, 0), with logits less the maximum of x0
};
// Both rows are whole: their blocks come a second time, in the same places.
//   x, x0 : [n], logits of p and p0
void add_block(const float* x, const float* x0, std::size_t n, const LogSumExp& row, const LogSumExp& row0,
               RowDistance& distance);
void add_block(const double* x, const double* x0, std::size_t n, const LogSumExp& row, const LogSumExp& row0,
               RowDistance& distance);

// Of all blocks. T: what add_block was called with. For rows that are equal bit for bit kl is 0 and
// acceptance 1, exactly.
template <class T>
double kl_of(const RowDistance& distance, const LogSumExp& row, const LogSumExp& row0);
inline double acceptance_of(const RowDistance& distance, const LogSumExp& row0) {
  return 1 - distance.excess / row0.sum;
}

}  // namespace kvcompare
