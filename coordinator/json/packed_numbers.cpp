#include "coordinator/json/packed_numbers.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <functional>
#include <stdexcept>
#include <utility>

namespace kvcompare {
namespace {

constexpr std::string_view kDigits64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr int kBitsOfDigit = 6;
constexpr int kBitsOfWord = 64;
constexpr int kOrderOfLengths = 6;
constexpr int kMantissa = 52;         // bits of a double
constexpr int kTop = 64 - kMantissa;  // its others
constexpr std::uint8_t kNoDigit = 64;

constexpr auto kValueOfDigit = [] {
  std::array<std::uint8_t, 256> values{};
  values.fill(kNoDigit);
  for (std::size_t i = 0; i < kDigits64.size(); ++i)
    values[static_cast<unsigned char>(kDigits64[i])] = static_cast<std::uint8_t>(i);
  return values;
}();

constexpr std::uint64_t low_bits(std::uint64_t x, int n) {
  return n == kBitsOfWord ? x : x & ((std::uint64_t{1} << n) - 1);
}

class BitWriter {
 public:
  void put(std::uint64_t bits, int n) {
    for (; n > kMostAtOnce; n -= kMostAtOnce)
      put_few(low_bits(bits >> (n - kMostAtOnce), kMostAtOnce), kMostAtOnce);
    put_few(low_bits(bits, n), n);
  }

  void put_code(std::uint64_t x, int order) {
    const auto high = x >> order;
    const auto width = static_cast<int>(std::bit_width(high));
    put(0, width);
    put(1, 1);
    if (width > 1) put(low_bits(high, width - 1), width - 1);
    put(low_bits(x, order), order);
  }

  std::string text() && {
    if (n_ > 0) put_few(0, kBitsOfDigit - n_);
    return std::move(text_);
  }

 private:
  static constexpr int kMostAtOnce = 32;

  void put_few(std::uint64_t bits, int n) {
    last_ = (last_ << n) | bits;
    for (n_ += n; n_ >= kBitsOfDigit;) {
      n_ -= kBitsOfDigit;
      text_ += kDigits64[low_bits(last_ >> n_, kBitsOfDigit)];
    }
  }

  std::string text_;
  std::uint64_t last_ = 0;
  int n_ = 0;  // of the last bits that are not in the text
};

class BitReader {
 public:
  explicit BitReader(std::string_view text) : text_(text) {}

  std::uint64_t take(int n) {
    if (n > kMostAtOnce) {
      const auto high = take(n - kMostAtOnce);
      return high << kMostAtOnce | take(kMostAtOnce);
    }
    if (n == 0) return 0;
    fill();
    if (n > n_) throw std::invalid_argument("holds packed numbers that end early");
    const auto bits = window_ >> (kBitsOfWord - n);
    drop(n);
    return bits;
  }

  std::uint64_t take_code(int order) {
    const auto width = take_zeros();
    if (width + order > kBitsOfWord) throw std::invalid_argument("holds a packed number that is too large");
    auto high = std::uint64_t{0};
    if (width > 0) high = std::uint64_t{1} << (width - 1) | take(width - 1);
    return order == kBitsOfWord ? take(order) : high << order | take(order);
  }

  // Every number takes a bit at least.
  std::size_t take_length() {
    const auto length = take_code(kOrderOfLengths);
    if (length > kBitsOfDigit * text_.size())
      throw std::invalid_argument("holds fewer packed numbers than it says");
    return static_cast<std::size_t>(length);
  }

  void end() {
    fill();
    if (next_ != text_.size() || n_ >= kBitsOfDigit || window_ != 0)
      throw std::invalid_argument("holds more than its packed numbers");
  }

 private:
  static constexpr int kMostAtOnce = 32;

  void fill() {
    while (n_ <= kBitsOfWord - kBitsOfDigit && next_ < text_.size()) {
      const auto value = kValueOfDigit[static_cast<unsigned char>(text_[next_++])];
      if (value == kNoDigit) throw std::invalid_argument("holds a character that packs no numbers");
      n_ += kBitsOfDigit;
      window_ |= std::uint64_t{value} << (kBitsOfWord - n_);
    }
  }

  void drop(int n) {
    window_ = n == kBitsOfWord ? 0 : window_ << n;
    n_ -= n;
  }

  // Up to the next one, which is taken, too.
  int take_zeros() {
    int n = 0;
    for (fill(); n_ > 0; fill()) {
      const auto zeros = std::min(std::countl_zero(window_), n_);
      n += zeros;
      if (n > kBitsOfWord) break;
      if (zeros < n_) {
        drop(zeros + 1);
        return n;
      }
      drop(zeros);
    }
    throw std::invalid_argument("holds packed numbers that end early");
  }

  std::string_view text_;
  std::size_t next_ = 0;
  std::uint64_t window_ = 0;  // the next bits, on the left
  int n_ = 0;                 // of them
};

// Differences are modulo 2^64, so that any two numbers have one.
std::uint64_t step(std::uint64_t from, std::uint64_t to) {
  const auto difference = to - from;
  return difference << 1 ^ (difference >> 63 ? ~std::uint64_t{0} : 0);
}
std::uint64_t after_step(std::uint64_t from, std::uint64_t step) {
  return from + (step >> 1 ^ (step & 1 ? ~std::uint64_t{0} : 0));
}

bool can_be(std::span<const std::int64_t> numbers, Packing packing) {
  if (packing == Packing::kCounts) return std::ranges::all_of(numbers, [](auto n) { return n >= 1; });
  return packing == Packing::kSteps ||
         std::ranges::adjacent_find(numbers, std::greater_equal<>()) == numbers.end();
}

std::vector<std::uint64_t> codes_of(std::span<const std::int64_t> numbers, Packing packing) {
  std::vector<std::uint64_t> codes;
  codes.reserve(numbers.size());
  auto last = std::uint64_t{0};
  for (const auto number : numbers) {
    const auto now = static_cast<std::uint64_t>(number);
    if (packing == Packing::kCounts)
      codes.push_back(now - 1);
    else
      codes.push_back(packing == Packing::kRising && !codes.empty() ? now - last - 1 : step(last, now));
    last = now;
  }
  return codes;
}

// One less than the codes have binary digits on the average: few texts would be shorter with another.
int order_for(std::span<const std::uint64_t> codes) {
  std::size_t n_digits = 0;
  for (const auto code : codes) n_digits += static_cast<std::size_t>(std::bit_width(code));
  const auto average = codes.empty() ? 0 : (n_digits + codes.size() / 2) / codes.size();
  return average == 0 ? 0 : static_cast<int>(average) - 1;
}

}  // namespace

std::string packed(std::span<const std::int64_t> numbers, Packing packing) {
  if (!can_be(numbers, packing)) packing = Packing::kSteps;
  const auto codes = codes_of(numbers, packing);
  const auto order = order_for(codes);
  BitWriter writer;
  writer.put(static_cast<std::uint64_t>(packing), 2);
  writer.put(static_cast<std::uint64_t>(order), kBitsOfDigit);
  writer.put_code(codes.size(), kOrderOfLengths);
  for (const auto code : codes) writer.put_code(code, order);
  return std::move(writer).text();
}

std::string packed(std::span<const double> numbers) {
  BitWriter writer;
  writer.put_code(numbers.size(), kOrderOfLengths);
  auto last = std::uint64_t{0};
  for (const auto number : numbers) {
    const auto bits = std::bit_cast<std::uint64_t>(number);
    writer.put_code(step(last, bits >> kMantissa), 0);
    writer.put(low_bits(bits, kMantissa), kMantissa);
    last = bits >> kMantissa;
  }
  return std::move(writer).text();
}

std::vector<std::int64_t> unpacked_whole_numbers(std::string_view text) {
  BitReader reader(text);
  const auto packing = static_cast<Packing>(reader.take(2));
  if (packing > Packing::kCounts)
    throw std::invalid_argument("holds numbers that are packed in no known way");
  const auto order = static_cast<int>(reader.take(kBitsOfDigit));
  std::vector<std::int64_t> numbers(reader.take_length());
  auto last = std::uint64_t{0};
  for (auto& number : numbers) {
    const auto code = reader.take_code(order);
    if (packing == Packing::kCounts)
      last = code + 1;
    else
      last =
          packing == Packing::kRising && &number != numbers.data() ? last + code + 1 : after_step(last, code);
    number = static_cast<std::int64_t>(last);
  }
  reader.end();
  return numbers;
}

std::vector<double> unpacked_doubles(std::string_view text) {
  BitReader reader(text);
  std::vector<double> numbers(reader.take_length());
  auto last = std::uint64_t{0};
  for (auto& number : numbers) {
    last = after_step(last, reader.take_code(0));
    if (last >> kTop != 0) throw std::invalid_argument("holds a packed number that is too large");
    number = std::bit_cast<double>(last << kMantissa | reader.take(kMantissa));
    if (!std::isfinite(number)) throw std::invalid_argument("holds a packed number that is not finite");
  }
  reader.end();
  return numbers;
}

}  // namespace kvcompare
