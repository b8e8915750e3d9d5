#include "tests/kernels/emulation/emulation_hopper.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <stdexcept>

#include "worker/gpu/kernels/matrix_descriptor.h"

namespace kvcompare::gpu {
namespace {

constexpr int kRows = 16, kDepth = 16;  // of a warp's part of a, and of a product
constexpr int kPiece = 8;               // elements in 16 bytes
const float kUnderWay = std::bit_cast<float>(0x7fc0deadU);

std::size_t index(int i) { return static_cast<std::size_t>(i); }

// Of the lane's element i of n / 8 x 4, in [16][n].
std::size_t element_of(int lane, int i, int n) {
  const int row = lane / 4 + 8 * (i % 4 / 2), column = 8 * (i / 4) + 2 * (lane % 4) + i % 2;
  return index(row * n + column);
}

// A matrix in shared memory, in pieces of 16 bytes. mn: rows of a or columns of b.
class SharedMatrix {
 public:
  SharedMatrix(std::uint64_t descriptor, bool is_transposed)
      : start_(bytes(descriptor)),
        leading_(bytes(descriptor >> 16)),
        stride_(bytes(descriptor >> 32)),
        swizzle_(static_cast<Swizzle>(descriptor >> 62)),
        is_transposed_(is_transposed) {
    if ((descriptor >> 49 & 7) != 0) throw std::logic_error("a matrix with a base offset is not emulated");
    if (swizzle_ != Swizzle::kNone && start_ / 128 % width() != 0)
      throw std::logic_error("the swizzle of a matrix does not start at a multiple of eight of its rows");
  }

  // Elements mn to mn + count of every k, as [count][16].
  std::vector<std::uint16_t> read(int first, int count) const {
    std::vector<std::uint16_t> all(index(count * kDepth));
    for (int mn = 0; mn < count; mn += is_transposed_ ? kPiece : 1)
      for (int k = 0; k < kDepth; k += is_transposed_ ? 1 : kPiece) {
        const auto* piece = at_shared_address(swizzled(start_ + offset(first + mn, k), swizzle_));
        if (is_unfenced(piece)) throw std::logic_error("copies are multiplied that were not fenced");
        for (int i = 0; i < kPiece; ++i) {
          const auto to = is_transposed_ ? (mn + i) * kDepth + k : mn * kDepth + k + i;
          std::memcpy(&all[index(to)], piece + 2 * i, 2);
        }
      }
    return all;
  }

 private:
  static std::uint32_t bytes(std::uint64_t field) { return static_cast<std::uint32_t>(field & 0x3fff) << 4; }
  std::uint32_t width() const { return static_cast<std::uint32_t>(row_bytes(swizzle_) / 16); }  // in pieces

  // The canonical layouts of the PTX ISA, in bytes, for multiples of eight along what lies side by side.
  std::uint32_t offset(int mn_index, int k_index) const {
    const auto mn = static_cast<std::uint32_t>(mn_index), k = static_cast<std::uint32_t>(k_index);
    if (!is_transposed_)
      return mn % 8 * 16 * width() + mn / 8 * stride_ + k / 8 * (swizzle_ == Swizzle::kNone ? leading_ : 16);
    if (swizzle_ == Swizzle::kNone) return mn / 8 * stride_ + k % 8 * 16 + k / 8 * leading_;
    return mn / 8 % width() * 16 + mn / 8 / width() * leading_ + k % 8 * 16 * width() + k / 8 * stride_;
  }

  std::uint32_t start_, leading_, stride_;
  Swizzle swizzle_;
  bool is_transposed_;
};

// The warp's rows of a: [16][16].
std::vector<std::uint16_t> read_a(const std::array<Multiplication, 32>& lanes) {
  if (lanes[0].a == nullptr)
    return SharedMatrix(lanes[0].a_descriptor, false).read(warp() % 4 * kRows, kRows);
  std::vector<std::uint16_t> all(index(kRows * kDepth));
  for (int l = 0; l < 32; ++l)
    for (int word = 0; word < 4; ++word)
      for (int half = 0; half < 2; ++half) {
        const int row = l / 4 + 8 * (word % 2), k = 2 * (l % 4) + half + 8 * (word / 2);
        all[index(row * kDepth + k)] = static_cast<std::uint16_t>(lanes[index(l)].a[word] >> (16 * half));
      }
  return all;
}

std::vector<std::uint16_t> read_b(const Multiplication& lane) {
  return SharedMatrix(lane.b_descriptor, lane.is_b_transposed).read(0, lane.n);
}

void must_be_hopper() {
  if (compute_capability() != 90)
    throw std::logic_error("products of warpgroups need compute capability 9.0");
}

}  // namespace

void start_barrier(Barrier& barrier, int n_arrivals) {
  barrier = {static_cast<std::int16_t>(n_arrivals), static_cast<std::int16_t>(n_arrivals), 0};
}

void arrive(Barrier& barrier) {
  if (barrier.n_arrivals <= 0) throw std::logic_error("a barrier that was not started");
  if (--barrier.n_missing == 0) {
    barrier.n_missing = barrier.n_arrivals;
    ++barrier.n_phases;
  }
  let_others_run();
}

bool has_ended(const Barrier& barrier, int parity) {
  if (barrier.n_arrivals <= 0) throw std::logic_error("a barrier that was not started");
  return barrier.n_phases % 2 != parity;
}

void wait(const Barrier& barrier, int parity) {
  wait_until([&] { return has_ended(barrier, parity); });
}

// Whether the lane is the first to come to this call, which is of the warp: it acts for all.
bool WarpProducts::is_first_lane() {
  const int call = ++n_calls_[index(lane())];
  if (call <= n_acted_) return false;
  n_acted_ = call;
  return true;
}

void WarpProducts::fence() {
  must_be_hopper();
  sync_warp();
  is_fenced_ = true;
}

void WarpProducts::issue(const Multiplication& own, const void* place) {
  must_be_hopper();
  const auto* pointer = &own;
  const auto& all = exchange(&pointer, sizeof pointer, place);
  if (!is_first_lane()) return;
  if (!is_fenced_) throw std::logic_error("a product without begin_products()");
  Product product;
  for (int l = 0; l < 32; ++l) product.lanes[index(l)] = *from_lane<const Multiplication*>(all, l);
  product.a = read_a(product.lanes);
  product.b = read_b(own);
  product.group = n_groups_;
  ++accumulator_of(product).n_products;
  products_.push_back(std::move(product));
  issued_.push_back({own.n, own.a_descriptor, own.b_descriptor});
}

WarpProducts::Accumulator& WarpProducts::accumulator_of(const Product& product) {
  const auto& lanes = product.lanes;
  for (auto& accumulator : accumulators_)
    if (accumulator.lanes[0] == lanes[0].d) return accumulator;
  auto& added = accumulators_.emplace_back();
  added.n = lanes[0].n;
  added.values.resize(index(kRows * added.n));
  added.n_products = 0;
  for (int l = 0; l < 32; ++l) {
    auto* d = added.lanes[index(l)] = lanes[index(l)].d;
    for (int i = 0; i < added.n / 2; ++i) added.values[element_of(l, i, added.n)] = d[i];
    std::fill_n(d, added.n / 2, kUnderWay);
  }
  return added;
}

void WarpProducts::commit() {
  sync_warp();
  if (is_first_lane()) ++n_groups_;
}

void WarpProducts::wait_for(int n_groups_under_way) {
  let_others_run();
  sync_warp();
  if (!is_first_lane()) return;
  is_fenced_ = false;  // registers may be touched again
  auto next = products_.begin();
  for (; next != products_.end() && next->group < n_groups_ - n_groups_under_way; ++next) perform(*next);
  products_.erase(products_.begin(), next);
  std::erase_if(accumulators_, [](const Accumulator& done) {
    if (done.n_products > 0) return false;
    for (int l = 0; l < 32; ++l)
      for (int i = 0; i < done.n / 2; ++i) {
        auto& d = done.lanes[index(l)][i];
        if (std::memcmp(&d, &kUnderWay, sizeof d) != 0)
          throw std::logic_error("an accumulator was written while products were under way");
        d = done.values[element_of(l, i, done.n)];
      }
    return true;
  });
}

// In ascending order of k.
void WarpProducts::perform(const Product& product) {
  const auto& lane = product.lanes[0];
  if (read_a(product.lanes) != product.a || read_b(lane) != product.b)
    throw std::logic_error("what a product reads has changed while it was under way");
  auto& accumulator = accumulator_of(product);
  if (!lane.is_added) std::fill(accumulator.values.begin(), accumulator.values.end(), 0.0F);
  std::vector<float> b(product.b.size());  // [16][n]
  for (int c = 0; c < lane.n; ++c)
    for (int k = 0; k < kDepth; ++k)
      b[index(k * lane.n + c)] = lane.to_float(product.b[index(c * kDepth + k)], 0);
  for (int r = 0; r < kRows; ++r)
    for (int k = 0; k < kDepth; ++k) {
      const float a = lane.to_float(product.a[index(r * kDepth + k)], 0);
      for (int c = 0; c < lane.n; ++c)
        accumulator.values[index(r * lane.n + c)] += a * b[index(k * lane.n + c)];
    }
  --accumulator.n_products;
}

void WarpProducts::finish(const WarpProducts& first_of_warpgroup) const {
  if (!products_.empty()) throw std::logic_error("a product was never waited for");
  if (issued_ != first_of_warpgroup.issued_)
    throw std::logic_error("the warps of a warpgroup multiply different matrices");
}

}  // namespace kvcompare::gpu
