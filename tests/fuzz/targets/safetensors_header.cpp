// The header of a safetensors file.
#include "worker/checkpoint/safetensors_header.h"

#include <cstdint>

#include "tests/fuzz/refusal.h"
#include "tests/fuzz/targets.h"

namespace kvcompare::fuzz {

void safetensors_header(std::string_view input) {
  SafetensorsHeader header;
  if (!is_accepted([&] { header = parse_safetensors_header(input, "model.safetensors"); },
                   ExitCode::kBadInput, "model.safetensors"))
    return;
  std::uint64_t end = 0;
  for (const auto& entry : header.entries) {
    expect(entry.begin == end && entry.end >= entry.begin, "tensors with holes or overlaps");
    end = entry.end;
  }
  expect(header.data_start + end == input.size(), "tensors that are not the data section");
}

}  // namespace kvcompare::fuzz
