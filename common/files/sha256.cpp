#include "common/files/sha256.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <vector>

#include <openssl/evp.h>

#include "common/errors.h"
#include "common/path_on_disk.h"

namespace kvcompare {

struct Sha256::Context {
  EVP_MD_CTX* digest = EVP_MD_CTX_new();
  Context() = default;
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context() { EVP_MD_CTX_free(digest); }
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {
  require(context_->digest != nullptr && EVP_DigestInit_ex(context_->digest, EVP_sha256(), nullptr) == 1,
          "libcrypto cannot begin a SHA-256");
}

Sha256::~Sha256() = default;

void Sha256::add(std::string_view bytes) {
  require(EVP_DigestUpdate(context_->digest, bytes.data(), bytes.size()) == 1,
          "libcrypto cannot go on with a SHA-256");
}

std::string Sha256::hex() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  require(EVP_DigestFinal_ex(context_->digest, digest.data(), &size) == 1 && size == 32,
          "libcrypto cannot end a SHA-256");
  std::string text;
  for (std::size_t i = 0; i < size; ++i) {
    constexpr const char* kDigits = "0123456789abcdef";
    text += kDigits[digest[i] >> 4];
    text += kDigits[digest[i] & 15];
  }
  return text;
}

std::string sha256(std::string_view bytes) {
  Sha256 hash;
  hash.add(bytes);
  return hash.hex();
}

std::string sha256_of_file(const std::filesystem::path& path, const std::stop_token& stop) {
  constexpr std::size_t kPieceBytes = 1 << 20;
  refuse_irregular_file(path);
  std::ifstream file(path, std::ios::binary);
  if (!file) throw CheckpointError(path.string(), "", std::string("cannot be read: ") + std::strerror(errno));
  Sha256 hash;
  std::vector<char> piece(kPieceBytes);
  while (file.read(piece.data(), std::ssize(piece)) || file.gcount() > 0) {
    require(!stop.stop_requested(), path.string() + ": its hash was stopped");
    hash.add({piece.data(), static_cast<std::size_t>(file.gcount())});
  }
  if (file.bad()) throw CheckpointError(path.string(), "", "cannot be read to its end");
  return hash.hex();
}

}  // namespace kvcompare
