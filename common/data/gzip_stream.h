#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "common/data/byte_stream.h"

namespace kvcompare {

inline constexpr std::string_view kGzipMark{"\x1f\x8b"};  // the first bytes of a gzip file

// Decompresses gzip, of one member or of several (RFC 1952). `name`: of the file, for messages.
std::unique_ptr<ByteStream> gunzipped(std::string name, std::unique_ptr<ByteStream> compressed);

}  // namespace kvcompare
