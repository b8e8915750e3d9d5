#include "worker/checkpoint/safetensors_header.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <optional>
#include <tuple>
#include <unordered_set>
#include <utility>

#include <nlohmann/json.hpp>

#include "common/data/git_lfs.h"
#include "common/errors.h"
#include "common/json_error.h"

namespace kvcompare {
namespace {

using json = nlohmann::json;

constexpr std::uint64_t kLengthBytes = 8;               // little-endian length of the header
constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // limit of the reference implementation
constexpr int kMaxDepth = 128;                          // of nested values in fields that are skipped

constexpr std::array<std::pair<std::string_view, std::uint64_t>, 22> kBitsOfDtype{
    {{"F64", 64},        {"F32", 32}, {"F16", 16},    {"BF16", 16},   {"I64", 64},    {"I32", 32},
     {"I16", 16},        {"I8", 8},   {"U64", 64},    {"U32", 32},    {"U16", 16},    {"U8", 8},
     {"BOOL", 8},        {"C64", 64}, {"F8_E4M3", 8}, {"F8_E5M2", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8},
     {"F8_E5M2FNUZ", 8}, {"F4", 4},   {"F6_E2M3", 6}, {"F6_E3M2", 6}}};

std::optional<std::uint64_t> bits_of(std::string_view dtype) {
  for (const auto& [tag, bits] : kBitsOfDtype)
    if (tag == dtype) return bits;
  return std::nullopt;
}

// Receives the header event by event, so that its size and nesting cost no more memory than the entries
// themselves.
class HeaderReader final : public json::json_sax_t {
 public:
  explicit HeaderReader(const std::string& file_name) : file_name_(file_name) {}

  std::vector<SafetensorsEntry> take_entries() { return std::move(entries_); }
  std::map<std::string, std::string, std::less<>> take_metadata() { return std::move(metadata_); }

  bool null() override {
    if (skipping()) return true;
    if (place_ == Place::kHeader && in_metadata_key_) return finish_metadata();
    return unexpected("null");
  }
  bool boolean(bool) override { return skipping() || unexpected("a boolean"); }
  bool number_integer(number_integer_t) override { return skipping() || unexpected("a negative number"); }
  bool number_float(number_float_t, const string_t&) override {
    return skipping() || unexpected("a number that is no 64-bit integer");
  }
  bool number_unsigned(number_unsigned_t value) override {
    if (skipping()) return true;
    if (place_ != Place::kShape && place_ != Place::kOffsets) return unexpected("a number");
    (place_ == Place::kShape ? shape_ : offsets_).push_back(value);
    return true;
  }
  bool string(string_t& value) override {
    if (skipping()) return true;
    if (place_ == Place::kMetadata) return metadata_[metadata_key_] = value, true;
    if (place_ != Place::kTensor || field_ != Field::kDtype) return unexpected("a string");
    if (!bits_of(value)) fail("unknown dtype '" + value + "'");
    entry_.dtype = value;
    return true;
  }
  bool binary(binary_t&) override { return unexpected("binary data"); }

  bool start_object(std::size_t) override {
    if (skip_container()) return true;
    if (place_ == Place::kStart) {
      place_ = Place::kHeader;
    } else if (place_ == Place::kHeader) {
      place_ = in_metadata_key_ ? Place::kMetadata : Place::kTensor;
    } else {
      return unexpected("an object");
    }
    return true;
  }
  bool key(string_t& name) override {
    if (place_ == Place::kHeader) return start_entry(name);
    if (place_ == Place::kTensor) return start_field(name);
    if (place_ == Place::kMetadata) metadata_key_ = name;
    return true;
  }
  bool end_object() override {
    if (depth_skipped_ > 0) return --depth_skipped_, true;
    if (place_ == Place::kTensor) return finish_tensor();
    if (place_ == Place::kMetadata) return finish_metadata();
    place_ = Place::kEnd;
    return true;
  }
  bool start_array(std::size_t) override {
    if (skip_container()) return true;
    if (place_ != Place::kTensor || field_ == Field::kDtype) return unexpected("an array");
    place_ = field_ == Field::kShape ? Place::kShape : Place::kOffsets;
    return true;
  }
  bool end_array() override {
    if (depth_skipped_ > 0) return --depth_skipped_, true;
    place_ = Place::kTensor;
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& error) override {
    throw CheckpointError(file_name_, "header",
                          "not valid JSON: " + json_problem(static_cast<const json::exception&>(error)));
  }

 private:
  enum class Place { kStart, kHeader, kMetadata, kTensor, kShape, kOffsets, kEnd };
  enum class Field { kDtype, kShape, kOffsets, kOther };

  [[noreturn]] void fail(const std::string& problem) const {
    throw CheckpointError(file_name_, place_ == Place::kStart ? "header" : entry_.name, problem);
  }
  bool unexpected(const std::string& what) const {
    if (place_ == Place::kStart) fail(what + " where the object of all tensors should be");
    if (place_ == Place::kMetadata) fail(what + " in the metadata, which holds strings only");
    fail(what + " where {\"dtype\": string, \"shape\": [sizes], \"data_offsets\": [begin, end]} should be");
  }

  bool skipping() const {
    return depth_skipped_ > 0 || (place_ == Place::kTensor && field_ == Field::kOther);
  }
  bool skip_container() {
    if (!skipping()) return false;
    if (++depth_skipped_ > kMaxDepth) fail("values nested too deeply");
    return true;
  }

  bool start_entry(const std::string& name) {
    entry_ = SafetensorsEntry{};
    entry_.name = name;
    seen_fields_ = {};
    shape_.clear();
    offsets_.clear();
    in_metadata_key_ = name == "__metadata__";
    if (!names_.insert(name).second) fail("is there twice");
    return true;
  }
  bool start_field(const std::string& name) {
    if (depth_skipped_ > 0) return true;
    field_ = name == "dtype"          ? Field::kDtype
             : name == "shape"        ? Field::kShape
             : name == "data_offsets" ? Field::kOffsets
                                      : Field::kOther;
    if (field_ == Field::kOther) return true;
    bool& seen = seen_fields_[static_cast<std::size_t>(field_)];
    if (seen) fail(name + " is there twice");
    return seen = true;
  }
  bool finish_metadata() {
    in_metadata_key_ = false;
    place_ = Place::kHeader;
    return true;
  }
  bool finish_tensor() {
    for (const auto& [field, name] : {std::pair{Field::kDtype, "dtype"}, std::pair{Field::kShape, "shape"},
                                      std::pair{Field::kOffsets, "data_offsets"}})
      if (!seen_fields_[static_cast<std::size_t>(field)]) fail(std::string(name) + " is missing");
    if (offsets_.size() != 2) fail("data_offsets must be [begin, end]");
    for (const std::uint64_t size : shape_) {
      if (size > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
        fail("shape overflows 64 bits");
      entry_.shape.push_back(static_cast<std::int64_t>(size));
    }
    entry_.begin = offsets_[0];
    entry_.end = offsets_[1];
    entries_.push_back(std::move(entry_));
    place_ = Place::kHeader;
    return true;
  }

  const std::string& file_name_;
  std::vector<SafetensorsEntry> entries_;
  std::map<std::string, std::string, std::less<>> metadata_;
  std::string metadata_key_;
  std::unordered_set<std::string> names_;
  Place place_ = Place::kStart;
  Field field_ = Field::kDtype;
  SafetensorsEntry entry_;
  std::array<bool, 3> seen_fields_{};
  std::vector<std::uint64_t> shape_;
  std::vector<std::uint64_t> offsets_;
  bool in_metadata_key_ = false;
  int depth_skipped_ = 0;
};

std::uint64_t header_length(std::span<const char> bytes, const std::string& file_name) {
  if (is_git_lfs_pointer({bytes.data(), bytes.size()})) throw CheckpointError(file_name, "", kGitLfsProblem);
  if (bytes.size() < kLengthBytes)
    throw CheckpointError(file_name, "header", "the file ends before the 8 bytes of the header's length");
  std::uint64_t length = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i)
    length |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  if (length > kMaxHeaderBytes)
    throw CheckpointError(file_name, "header",
                          "its length is " + std::to_string(length) + " bytes, more than the " +
                              std::to_string(kMaxHeaderBytes) +
                              " allowed: not a .safetensors file, or a damaged one");
  if (length > bytes.size() - kLengthBytes)
    throw CheckpointError(file_name, "header",
                          "its length is " + std::to_string(length) + " bytes, but only " +
                              std::to_string(bytes.size() - kLengthBytes) + " follow: the file is cut off");
  return length;
}

// Bytes that dtype and shape ask for.
std::uint64_t size_of(const SafetensorsEntry& entry, const std::string& file_name) {
  std::uint64_t bits = 1;
  bool fits = true;
  for (const std::int64_t size : entry.shape)
    fits = fits && !__builtin_mul_overflow(bits, static_cast<std::uint64_t>(size), &bits);
  fits = fits && !__builtin_mul_overflow(bits, *bits_of(entry.dtype), &bits);
  if (!fits) throw CheckpointError(file_name, entry.name, "shape overflows 64 bits");
  if (bits % 8 != 0) throw CheckpointError(file_name, entry.name, "size is no whole number of bytes");
  return bits / 8;
}

void check_layout(const SafetensorsHeader& header, std::uint64_t data_bytes, const std::string& file_name) {
  std::uint64_t expected_begin = 0;
  for (const SafetensorsEntry& entry : header.entries) {
    const std::string offsets = "[" + std::to_string(entry.begin) + ", " + std::to_string(entry.end) + "]";
    if (entry.begin > entry.end)
      throw CheckpointError(file_name, entry.name, "data_offsets " + offsets + " run backwards");
    if (entry.begin != expected_begin)
      throw CheckpointError(file_name, entry.name,
                            "data_offsets " + offsets +
                                (entry.begin < expected_begin ? " overlap" : " leave a hole after") +
                                " the tensor before, which ends at " + std::to_string(expected_begin));
    const std::uint64_t size = size_of(entry, file_name);
    if (entry.end - entry.begin != size)
      throw CheckpointError(file_name, entry.name,
                            "data_offsets " + offsets + " span " + std::to_string(entry.end - entry.begin) +
                                " bytes, but dtype " + entry.dtype + " and shape need " +
                                std::to_string(size));
    if (entry.end > data_bytes)
      throw CheckpointError(file_name, entry.name,
                            "data_offsets " + offsets + " end after the file's last byte of data, " +
                                std::to_string(data_bytes) + ": the file is cut off");
    expected_begin = entry.end;
  }
  if (expected_begin != data_bytes)
    throw CheckpointError(
        file_name, "",
        std::to_string(data_bytes - expected_begin) + " bytes follow the last tensor, which is not allowed");
}

}  // namespace

SafetensorsHeader parse_safetensors_header(std::span<const char> file_bytes, const std::string& file_name) {
  const std::uint64_t length = header_length(file_bytes, file_name);
  const std::span<const char> text = file_bytes.subspan(kLengthBytes, length);
  // nlohmann takes a NUL for the end of the text and skips a byte order mark; the format allows neither.
  if (std::find(text.begin(), text.end(), '\0') != text.end())
    throw CheckpointError(file_name, "header", "holds a NUL byte");
  if (!text.empty() && static_cast<unsigned char>(text.front()) == 0xef)
    throw CheckpointError(file_name, "header", "must begin with '{'");
  HeaderReader reader(file_name);
  json::sax_parse(text.begin(), text.end(), &reader);

  SafetensorsHeader header{reader.take_entries(), reader.take_metadata(), kLengthBytes + length};
  std::stable_sort(header.entries.begin(), header.entries.end(), [](const auto& a, const auto& b) {
    return std::tie(a.begin, a.end) < std::tie(b.begin, b.end);
  });
  check_layout(header, file_bytes.size() - header.data_start, file_name);
  return header;
}

}  // namespace kvcompare
