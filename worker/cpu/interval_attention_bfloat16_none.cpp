// For processors that never have vdpbf16ps.
#include "common/errors.h"
#include "worker/cpu/interval_attention_bfloat16.h"

namespace kvcompare {

void interval_attention_tile(const AttentionHeads<float>&, std::int64_t, std::int64_t,
                             Bfloat16AttentionScratch&) {
  require(false, "this processor has no products of pairs of bfloat16");
}

}  // namespace kvcompare
