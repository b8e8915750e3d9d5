// SHA-256 hashes, as 64 lower-case hexadecimal digits.
#pragma once

#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

namespace kvcompare {

class Sha256 {
 public:
  Sha256();
  ~Sha256();

  void add(std::string_view bytes);
  std::string hex();  // the hash of everything that was added; must be the last call

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

std::string sha256(std::string_view bytes);

// Throws CheckpointError if the file cannot be read. Throws InvariantError if `stop` was requested, because
// whoever stops a hash must not ask for it.
std::string sha256_of_file(const std::filesystem::path& path, const std::stop_token& stop = {});

}  // namespace kvcompare
