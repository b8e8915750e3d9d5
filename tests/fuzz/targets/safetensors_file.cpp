// A safetensors file and every tensor in it.
#include <optional>

#include "tests/fuzz/fuzzed_input.h"
#include "tests/fuzz/refusal.h"
#include "tests/fuzz/targets.h"
#include "worker/checkpoint/safetensors.h"

namespace kvcompare::fuzz {
namespace {

// Its first and its last byte are memory of the file, or a copy of it.
void check_tensor(const at::Tensor& tensor, const SafetensorsEntry& entry) {
  expect(tensor.sizes() == at::IntArrayRef(entry.shape), "a tensor of another shape");
  const auto n_bytes = entry.end - entry.begin;
  expect(tensor.nbytes() == n_bytes, "a tensor of another number of bytes");
  if (n_bytes == 0) return;
  const volatile char* bytes = static_cast<const char*>(tensor.const_data_ptr());
  static_cast<void>(bytes[0]);
  static_cast<void>(bytes[n_bytes - 1]);
}

}  // namespace

void safetensors_file(std::string_view input) {
  static const InputFolder folder;
  const auto path = folder.write("model.safetensors", input);
  std::optional<SafetensorsFile> file;
  if (!is_accepted([&] { file.emplace(path); }, ExitCode::kBadInput, path.string())) return;
  for (const auto& entry : file->entries())
    is_accepted([&] { check_tensor(file->tensor(entry.name), entry); }, ExitCode::kBadInput, path.string());
}

}  // namespace kvcompare::fuzz
