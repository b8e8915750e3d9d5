// The input of a fuzz target, in parts and as a file.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace kvcompare::fuzz {

// What stands before and after the first NUL, which no text of JSON holds.
inline std::pair<std::string_view, std::string_view> split_at_nul(std::string_view input) {
  const auto nul = input.find('\0');
  if (nul == std::string_view::npos) return {input, {}};
  return {input.substr(0, nul), input.substr(nul + 1)};
}

// The last byte of an input, which chooses options: what stands before it is a file as it is.
class Choice {
 public:
  // Takes the byte off the input.
  explicit Choice(std::string_view& input)
      : bits_(input.empty() ? 0U : static_cast<unsigned char>(input.back())) {
    if (!input.empty()) input.remove_suffix(1);
  }
  bool bit(unsigned n) const { return ((bits_ >> n) & 1U) != 0; }

 private:
  unsigned bits_;
};

// A folder for files of inputs, in memory where there is a file system in memory. Removed with the object.
class InputFolder {
 public:
  InputFolder() {
    std::error_code ignored;
    const bool in_memory = std::filesystem::is_directory("/dev/shm", ignored);
    std::string pattern = std::string(in_memory ? "/dev/shm" : "/tmp") + "/kvcompare-fuzz-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("cannot make " + pattern);
    path_ = pattern;
  }
  ~InputFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  InputFolder(const InputFolder&) = delete;
  InputFolder& operator=(const InputFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

  std::filesystem::path write(const std::string& name, std::string_view bytes) const {
    auto file = path_ / name;
    std::ofstream stream(file, std::ios::binary | std::ios::trunc);
    if (!stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size())).flush())
      throw std::runtime_error("cannot write " + file.string());
    return file;
  }

 private:
  std::filesystem::path path_;
};

}  // namespace kvcompare::fuzz
