// A table of buffers on a device. Who works in them allocates them by the table, and the memory plan counts
// them by the same table.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/util/accumulate.h>

#include "worker/gpu/memory_part.h"

namespace kvcompare {

// Buffers: a struct of tensors.
template <class Buffers>
struct BufferRow {
  const char* part;  // name of the MemoryPart that it is counted in
  at::Tensor Buffers::*member;
  std::vector<std::int64_t> sizes;
  at::ScalarType type;

  std::int64_t n_bytes() const {
    return c10::multiply_integers(sizes) * static_cast<std::int64_t>(c10::elementSize(type));
  }
};

template <class Buffers>
using BufferTable = std::vector<BufferRow<Buffers>>;

// Not initialised. options: the device, and whether memory of the host is pinned.
template <class Buffers>
void allocate(const BufferTable<Buffers>& table, const at::TensorOptions& options, Buffers& buffers) {
  for (const auto& row : table) buffers.*row.member = at::empty(row.sizes, options.dtype(row.type));
}

// A part for each name, in the order of the table.
template <class Buffers>
std::vector<MemoryPart> memory_of(const BufferTable<Buffers>& table) {
  std::vector<MemoryPart> parts;
  for (const auto& row : table) {
    if (parts.empty() || parts.back().name != row.part) parts.push_back({row.part, 0});
    parts.back().bytes += row.n_bytes();
  }
  return parts;
}

}  // namespace kvcompare
