#include "worker/weights/weight_checksum.h"

#include <algorithm>
#include <cstdint>

#include <ATen/ops/arange.h>
#include <ATen/ops/zeros.h>

#include "common/errors.h"

namespace kvcompare {
namespace {

constexpr std::int64_t kBlock = std::int64_t{1} << 22;  // numbers at once; each needs 16 bytes of working
                                                        // memory

at::ScalarType integer_of_size(std::size_t n_bytes) {
  switch (n_bytes) {
    case 2:
      return at::kShort;
    case 4:
      return at::kInt;
    case 8:
      return at::kLong;
    default:
      throw InvariantError("weights are numbers of 2, 4 or 8 bytes");
  }
}

}  // namespace

at::Tensor weight_checksum(const at::Tensor& tensor) {
  require(tensor.is_contiguous(), "the checksum is of contiguous weights");
  const auto bits = tensor.view({-1}).view(integer_of_size(tensor.element_size()));
  const auto options = bits.options().dtype(at::kLong);
  const auto sums = at::zeros({2}, options);
  auto plain = sums.select(0, 0), weighted = sums.select(0, 1);
  for (std::int64_t first = 0; first < bits.numel(); first += kBlock) {
    const auto n = std::min(kBlock, bits.numel() - first);
    const auto block = bits.narrow(0, first, n).to(at::kLong);
    plain.add_(block.sum());
    weighted.add_(at::arange(first + 1, first + n + 1, options).mul_(block).sum());
  }
  return sums;
}

}  // namespace kvcompare
