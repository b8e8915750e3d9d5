// Writes .safetensors files for tests. It shares no code with the reader that it tests.
#pragma once

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace kvcompare {

struct TensorToWrite {
  std::string name;   // plain ASCII without '"' and '\'
  std::string dtype;  // tag: "F32", "BF16", ...
  std::vector<std::int64_t> shape;
  std::string bytes;  // little-endian, row-major
};

template <class T>
std::string bytes_of(std::span<const T> values) {
  std::string bytes(values.size_bytes(), '\0');
  if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

// Writes a file with this header text and this data section, even if they are invalid.
inline void write_safetensors_bytes(const std::filesystem::path& path, const std::string& header,
                                    const std::string& data) {
  std::ofstream file(path, std::ios::binary);
  for (int byte = 0; byte < 8; ++byte) file.put(static_cast<char>((header.size() >> (8 * byte)) & 0xff));
  file << header << data;
  if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
}

// Writes the tensors in the order given. The header is padded so that the data section is 8-byte aligned.
inline void write_safetensors(const std::filesystem::path& path, const std::vector<TensorToWrite>& tensors) {
  std::string header = "{";
  std::string data;
  for (const TensorToWrite& tensor : tensors) {
    if (header.size() > 1) header += ',';
    header += '"' + tensor.name + R"(":{"dtype":")" + tensor.dtype + R"(","shape":[)";
    for (std::size_t i = 0; i < tensor.shape.size(); ++i)
      header += (i > 0 ? "," : "") + std::to_string(tensor.shape[i]);
    header += R"(],"data_offsets":[)" + std::to_string(data.size()) + ',' +
              std::to_string(data.size() + tensor.bytes.size()) + "]}";
    data += tensor.bytes;
  }
  header += '}';
  while (header.size() % 8 != 0) header += ' ';
  write_safetensors_bytes(path, header, data);
}

}  // namespace kvcompare
