// For processors that never have vdpbf16ps.
#include "common/errors.h"
#include "worker/cpu/bfloat16_product.h"

namespace kvcompare {

void multiply(const MatrixProduct<float, c10::BFloat16>&, ProductGoes, PairScratch&) {
  require(false, "this processor has no products of pairs of bfloat16");
}

}  // namespace kvcompare
