#include "common/messages/messages.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <type_traits>
#include <utility>

#include "common/errors.h"
#include "common/fields.h"
#include "common/files/sha256.h"

namespace kvcompare {
namespace {

// Copied byte by byte. A bool is not: a byte other than 0 and 1 is none.
template <class T>
concept Plain = (std::is_arithmetic_v<T> && !std::is_same_v<T, bool>) || std::is_enum_v<T>;

// Structs are written member by member, in order.
class Writer {
 public:
  template <Plain T>
  void operator()(const T& value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void operator()(bool value) { (*this)(static_cast<std::uint8_t>(value)); }
  void operator()(const std::string& text) {
    (*this)(std::ssize(text));
    bytes_ += text;
  }
  template <class Tag>
  void operator()(const Index<Tag>& index) {
    (*this)(index.value);
  }
  template <class T, std::size_t n>
  void operator()(const std::array<T, n>& items) {
    for (const auto& item : items) (*this)(item);
  }
  template <class T>
  void operator()(const std::vector<T>& items) {
    (*this)(std::ssize(items));
    if constexpr (Plain<T>)
      bytes_.append(reinterpret_cast<const char*>(items.data()), items.size() * sizeof(T));
    else
      for (const auto& item : items) (*this)(item);
  }
  template <class T>
  void operator()(const std::optional<T>& value) {
    (*this)(value.has_value());
    if (value) (*this)(*value);
  }
  template <class... T>
  void operator()(const std::variant<T...>& value) {
    (*this)(value.index());
    std::visit([this](const auto& one) { (*this)(one); }, value);
  }
  template <class Struct>
  requires std::is_aggregate_v<Struct>
  void operator()(const Struct& object) {
    for_each_member(object, [this](const auto& member) { (*this)(member); });
  }
  std::string bytes() && { return std::move(bytes_); }

 private:
  std::string bytes_;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : left_(bytes) {}

  template <Plain T>
  void operator()(T& value) {
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
  }
  void operator()(bool& value) {
    std::uint8_t byte = 0;
    (*this)(byte);
    require(byte <= 1, "a message holds a byte that is neither true nor false");
    value = byte == 1;
  }
  void operator()(std::string& text) { text = take(size(1)); }
  template <class Tag>
  void operator()(Index<Tag>& index) {
    (*this)(index.value);
  }
  template <class T, std::size_t n>
  void operator()(std::array<T, n>& items) {
    for (auto& item : items) (*this)(item);
  }
  template <class T>
  void operator()(std::vector<T>& items) {
    if constexpr (Plain<T>) {
      items.resize(size(sizeof(T)));
      const auto bytes = take(items.size() * sizeof(T));
      if (!bytes.empty()) std::memcpy(items.data(), bytes.data(), bytes.size());
    } else {
      items.resize(size(1));
      for (auto& item : items) (*this)(item);
    }
  }
  template <class T>
  void operator()(std::optional<T>& value) {
    bool is_there = false;
    (*this)(is_there);
    value.reset();
    if (is_there) (*this)(value.emplace());
  }
  template <class... T>
  void operator()(std::variant<T...>& value) {
    std::size_t index = 0;
    (*this)(index);
    require(index < sizeof...(T), "a message of an unknown kind");
    std::size_t i = 0;
    ((i++ == index ? (*this)(value.template emplace<T>()) : void()), ...);
  }
  template <class Struct>
  requires std::is_aggregate_v<Struct>
  void operator()(Struct& object) {
    for_each_member(object, [this](auto& member) { (*this)(member); });
  }
  bool at_end() const { return left_.empty(); }

 private:
  std::string_view take(std::size_t n) {
    require(n <= left_.size(), "a message is cut short");
    const auto bytes = left_.substr(0, n);
    left_.remove_prefix(n);
    return bytes;
  }
  // Of a list whose items have item_bytes at least.
  std::size_t size(std::size_t item_bytes) {
    std::ptrdiff_t n = 0;
    (*this)(n);
    require(n >= 0 && static_cast<std::size_t>(n) <= left_.size() / item_bytes, "a message is cut short");
    return static_cast<std::size_t>(n);
  }

  std::string_view left_;
};

}  // namespace

std::string encode(const Message& message) {
  Writer writer;
  writer(message);
  return std::move(writer).bytes();
}

Message decode(std::string_view bytes) {
  Reader reader(bytes);
  Message message;
  reader(message);
  require(reader.at_end(), "a message is longer than what it holds");
  return message;
}

std::string digest(UnitResult result) {
  result.seconds = 0;
  result.unit.method = MethodIndex(0);  // its place may change when a run grows
  return sha256(encode(std::move(result)));
}

}  // namespace kvcompare
