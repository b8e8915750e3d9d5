#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "common/data/byte_stream.h"

namespace kvcompare {

inline constexpr std::string_view kZstdMark{"\x28\xb5\x2f\xfd"};  // the first bytes of a zstd file

// Decompresses zstd, of one frame or of several (RFC 8878). `name`: of the file, for messages.
std::unique_ptr<ByteStream> unzstd(std::string name, std::unique_ptr<ByteStream> compressed);

}  // namespace kvcompare
