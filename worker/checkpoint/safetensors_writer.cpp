#include "worker/checkpoint/safetensors_writer.h"

#include <cstddef>
#include <cstdint>

#include <nlohmann/json.hpp>

#include "common/errors.h"
#include "common/files/atomic_file.h"

namespace kvcompare {
namespace {

const char* dtype_tag(at::ScalarType dtype) {
  switch (dtype) {
    case at::kDouble:
      return "F64";
    case at::kFloat:
      return "F32";
    case at::kHalf:
      return "F16";
    case at::kBFloat16:
      return "BF16";
    default:
      throw InvariantError("write_safetensors: no floating-point tensor");
  }
}

// Little-endian, as the format wants it; so are all machines that libtorch runs on.
std::string size_bytes(std::uint64_t size) {
  std::string bytes;
  for (int byte = 0; byte < 8; ++byte) bytes += static_cast<char>(size >> (8 * byte) & 0xff);
  return bytes;
}

}  // namespace

std::string safetensors_bytes(const NamedTensors& tensors, const SafetensorsMetadata& more) {
  nlohmann::ordered_json header;
  header["__metadata__"] = {{"format", "pt"}};
  for (const auto& [key, value] : more) header["__metadata__"][key] = value;
  std::string data;
  for (const auto& [name, tensor] : tensors) {
    const at::Tensor stored = tensor.detach().to(at::kCPU).contiguous();
    const std::size_t begin = data.size();
    data.append(static_cast<const char*>(stored.const_data_ptr()), stored.nbytes());
    header[name] = {{"dtype", dtype_tag(stored.scalar_type())},
                    {"shape", stored.sizes().vec()},
                    {"data_offsets", {begin, data.size()}}};
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');  // aligns the data
  return size_bytes(text.size()) + text + data;
}

void write_safetensors(const std::filesystem::path& path, const NamedTensors& tensors,
                       const SafetensorsMetadata& more) {
  write_file_atomically(path, safetensors_bytes(tensors, more));
}

}  // namespace kvcompare
