#include "worker/checkpoint/tensor_loading.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include <ATen/ops/empty.h>

#include "common/errors.h"

namespace kvcompare {
namespace {

constexpr std::int64_t kBlockElements = 1 << 20;  // converted and checked while in the cache

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text = "[";
  for (const std::int64_t size : shape) text += (text.size() > 1 ? ", " : "") + std::to_string(size);
  return text + "]";
}

// A floating-point number is finite unless all bits of its exponent are set.
template <class Bits>
bool all_finite(const void* data, std::int64_t n, Bits exponent_mask) {
  const auto* bits = static_cast<const Bits*>(data);
  bool finite = true;
  for (std::int64_t i = 0; i < n; ++i) finite &= (bits[i] & exponent_mask) != exponent_mask;
  return finite;
}

// contiguous CPU memory
bool all_finite(const void* data, std::int64_t n, at::ScalarType type) {
  if (type == at::kDouble) return all_finite<std::uint64_t>(data, n, 0x7ff0'0000'0000'0000U);
  if (type == at::kFloat) return all_finite<std::uint32_t>(data, n, 0x7f80'0000U);
  if (type == at::kHalf) return all_finite<std::uint16_t>(data, n, 0x7c00U);
  require(type == at::kBFloat16, "finiteness is checked of floating-point tensors");
  return all_finite<std::uint16_t>(data, n, 0x7f80U);
}

// Position of the first value that is not finite.
std::int64_t find_non_finite(const char* data, std::int64_t n, at::ScalarType type) {
  const auto size = static_cast<std::int64_t>(c10::elementSize(type));
  std::int64_t i = 0;
  while (i < n && all_finite(data + i * size, 1, type)) ++i;
  return i;
}

void check_finite(const at::Tensor& block, std::int64_t first, const SafetensorsFile& file,
                  const std::string& name, const std::string& cause) {
  if (all_finite(block.const_data_ptr(), block.numel(), block.scalar_type())) return;
  const std::int64_t at = first + find_non_finite(static_cast<const char*>(block.const_data_ptr()),
                                                  block.numel(), block.scalar_type());
  throw CheckpointError(
      file.path().string(), name,
      "holds a NaN or infinity" + cause + " (element " + std::to_string(at) + " in row-major order)");
}

// The tensor `stored`, whose first element is element `offset` of the named one, on `device` as `dtype`.
at::Tensor checked(const at::Tensor& stored, std::int64_t offset, const SafetensorsFile& file,
                   const std::string& name, at::ScalarType dtype, at::Device device) {
  const bool converts = stored.scalar_type() != dtype;
  at::Tensor converted = converts ? at::empty(stored.sizes(), stored.options().dtype(dtype)) : stored;
  const at::Tensor source = stored.flatten();
  const at::Tensor target = converted.flatten();
  for (std::int64_t first = 0; first < source.numel(); first += kBlockElements) {
    const std::int64_t n = std::min(kBlockElements, source.numel() - first);
    check_finite(source.narrow(0, first, n), offset + first, file, name, "");
    if (!converts) continue;
    at::Tensor block = target.narrow(0, first, n);
    block.copy_(source.narrow(0, first, n));
    check_finite(block, offset + first, file, name, std::string(" as ") + c10::toString(dtype));
  }
  return device.is_cpu() ? converted : converted.to(device);
}

}  // namespace

void check_tensor_header(const SafetensorsFile& file, const ExpectedTensor& expected) {
  const SafetensorsEntry* entry = file.find(expected.name);
  require(entry != nullptr, "the tensor is looked up in the file that holds it");
  if (entry->dtype != "F64" && entry->dtype != "F32" && entry->dtype != "F16" && entry->dtype != "BF16")
    throw CheckpointError(
        file.path().string(), expected.name,
        "dtype is " + entry->dtype + "; accepted: F64, F32, F16, BF16 (no quantised weights)");
  if (entry->shape != expected.shape)
    throw CheckpointError(
        file.path().string(), expected.name,
        "shape is " + shape_text(entry->shape) + "; expected " + shape_text(expected.shape));
}

at::Tensor load_rows(const SafetensorsFile& file, const std::string& name, std::int64_t begin, std::int64_t n,
                     at::ScalarType dtype, at::Device device) {
  const at::Tensor whole = file.tensor(name);
  return checked(whole.narrow(0, begin, n), begin * (whole.numel() / whole.size(0)), file, name, dtype,
                 device);
}

at::Tensor load_tensor(const SafetensorsFile& file, const std::string& name, at::ScalarType dtype,
                       at::Device device) {
  return checked(file.tensor(name), 0, file, name, dtype, device);
}

}  // namespace kvcompare
