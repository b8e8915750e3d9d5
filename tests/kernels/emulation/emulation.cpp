// Its check of longjmp takes another stack for a mistake.
#undef _FORTIFY_SOURCE

#include "tests/kernels/emulation/emulation.h"

#include <array>
#include <deque>
#include <exception>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <setjmp.h>
#include <ucontext.h>

#include "tests/kernels/emulation/emulation_hopper.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif

namespace kvcompare::gpu {
namespace {

constexpr std::size_t kStackBytes = 128 * 1024;
constexpr int kLanes = 32;
// Compute capability 9.0 and, of all that kernels are compiled for, the least: that of 12.0.
constexpr std::size_t kHopperSharedBytes = 227 * 1024, kLeastSharedBytes = 99 * 1024;
constexpr std::size_t kSharedAlignment = 1024;
// What the system takes of shared memory for itself.
constexpr std::uint32_t kFirstSharedAddress = 1024;
constexpr int kNamedBarriers = 16;
constexpr int kMostThreads = 1024;

// A stack and where it was left. AddressSanitizer has to be told of every change of stacks.
struct Context {
  ucontext_t context;
  jmp_buf place;  // where it was left; changing over costs no system call, as swapcontext does
  bool was_left = false;
  const void* bottom = nullptr;
  std::size_t n_bytes = 0;
  void* sanitizer = nullptr;
};

#ifdef __SANITIZE_ADDRESS__
void begin_switch(Context& from, const Context& to) {
  __sanitizer_start_switch_fiber(&from.sanitizer, to.bottom, to.n_bytes);
}
void end_switch(Context& here, Context& came_from) {
  __sanitizer_finish_switch_fiber(here.sanitizer, &came_from.bottom, &came_from.n_bytes);
}
void leave_for(Context& from, Context& to) { swapcontext(&from.context, &to.context); }
#else
void begin_switch(Context& /*from*/, const Context& /*to*/) {}
void end_switch(Context& /*here*/, Context& /*came_from*/) {}
void leave_for(Context& from, Context& to) {
  from.was_left = true;
  if (_setjmp(from.place) != 0) return;
  if (to.was_left) _longjmp(to.place, 1);
  setcontext(&to.context);
}
#endif

// Returns when another switches back to `from`.
void switch_context(Context& from, Context& to) {
  begin_switch(from, to);
  leave_for(from, to);
  end_switch(from, to);
}

struct Copy {
  void* to;
  const void* from;  // null: zeros
};

enum class State { kRunning, kWaiting, kAtBarrier, kDone };

struct NamedBarrier {
  int n_arrived = 0;
  int n_passed = 0;
};

struct FreeAligned {
  void operator()(std::byte* bytes) const { operator delete[](bytes, std::align_val_t(kSharedAlignment)); }
};

struct Fiber {
  Context context;
  std::unique_ptr<std::byte[]> stack = std::make_unique_for_overwrite<std::byte[]>(kStackBytes);
  State state = State::kRunning;
  const std::function<bool()>* ready = nullptr;  // what it waits for
  std::vector<Copy> open_group;
  std::deque<std::vector<Copy>> groups;
  std::vector<std::size_t> unfenced;  // pieces of 16 bytes that have come since its last fence
};

// Two exchanges, so that a lane may begin the next while others still read the last.
struct Warp {
  Exchanged exchanged[2];
  const void* places[2] = {};
  unsigned n_exchanges = 0;
  int n_arrived = 0;
  WarpProducts products;
};

class Block {
 public:
  Block(int n_threads, std::size_t shared_bytes, const std::function<void()>& kernel)
      : kernel_(kernel),
        n_threads_(n_threads),
        shared_bytes_(shared_bytes),
        fibers_(static_cast<std::size_t>(n_threads)),
        warps_(static_cast<std::size_t>(n_threads / kLanes)) {}

  void run(std::int64_t block_x, std::int64_t block_y, std::int64_t block_z, bool reverse);

  int thread() const { return current_; }
  int n_threads() const { return n_threads_; }
  std::byte* shared() { return shared_.get(); }
  std::size_t shared_bytes() const { return shared_bytes_; }
  Fiber& fiber() { return fibers_[static_cast<std::size_t>(current_)]; }

  void sync_block() {
    fiber().state = State::kAtBarrier;
    leave();
  }

  void wait_until(const std::function<bool()>& ready) {
    while (!ready()) {
      fiber().state = State::kWaiting;
      fiber().ready = &ready;
      leave();
    }
  }
  void let_others_run() {
    wait_until([this, round = n_rounds_] { return n_rounds_ > round; });
  }
  int arrive(int barrier, int n_threads);
  bool has_passed(int barrier, int number) const { return named(barrier).n_passed > number; }

  void copied(const std::byte* piece);
  void fence_copies();
  bool is_unfenced(const std::byte* piece) const { return unfenced_[index_of(piece)]; }

  WarpProducts& products() { return warps_[static_cast<std::size_t>(current_ / kLanes)].products; }

  const Exchanged& exchange(const void* own, std::size_t n_bytes, const void* place);

  std::int64_t x = 0, y = 0, z = 0;

 private:
  static void enter();
  void start(int thread);
  void leave() { switch_context(fiber().context, scheduler_); }
  bool run_warp(int index);
  bool release_barrier();
  void finish() const;
  const NamedBarrier& named(int barrier) const { return named_.at(static_cast<std::size_t>(barrier)); }
  std::size_t index_of(const std::byte* piece) const {
    return static_cast<std::size_t>(piece - shared_.get()) / 16;
  }

  const std::function<void()>& kernel_;
  const int n_threads_;
  const std::size_t shared_bytes_;
  std::unique_ptr<std::byte[], FreeAligned> shared_;
  std::vector<bool> unfenced_;  // of pieces of 16 bytes
  std::array<NamedBarrier, kNamedBarriers> named_;
  std::vector<Fiber> fibers_;
  std::vector<Warp> warps_;
  Context scheduler_;
  int current_ = 0;
  std::int64_t n_rounds_ = 0;  // of all warps
  std::exception_ptr error_;
};

thread_local Block* block = nullptr;
thread_local std::int64_t n_blocks_in_x = 0;
thread_local bool reverse_warps = false;
thread_local int capability = 80;

void Block::enter() {
  auto& self = *block;
  end_switch(self.fiber().context, self.scheduler_);
  try {
    self.kernel_();
  } catch (...) {
    if (!self.error_) self.error_ = std::current_exception();
  }
  self.fiber().state = State::kDone;
  self.leave();
}

void Block::start(int thread) {
  auto& fiber = fibers_[static_cast<std::size_t>(thread)];
  fiber.state = State::kRunning;
  fiber.open_group.clear();
  fiber.groups.clear();
  fiber.unfenced.clear();
  getcontext(&fiber.context.context);
  fiber.context.context.uc_stack.ss_sp = fiber.stack.get();
  fiber.context.context.uc_stack.ss_size = kStackBytes;
  fiber.context.context.uc_link = nullptr;
  fiber.context.bottom = fiber.stack.get();
  fiber.context.n_bytes = kStackBytes;
  fiber.context.sanitizer = nullptr;
  fiber.context.was_left = false;
  makecontext(&fiber.context.context, &Block::enter, 0);
}

const Exchanged& Block::exchange(const void* own, std::size_t n_bytes, const void* place) {
  auto& warp = warps_[static_cast<std::size_t>(current_ / kLanes)];
  const auto number = warp.n_exchanges;
  auto& slot = warp.exchanged[number % 2];
  if (warp.n_arrived == 0) warp.places[number % 2] = place;
  if (warp.places[number % 2] != place) throw std::logic_error("lanes of a warp are at different places");
  std::memcpy(slot.bytes[current_ % kLanes], own, n_bytes);
  if (++warp.n_arrived == kLanes) {
    warp.n_arrived = 0;
    ++warp.n_exchanges;
  } else {
    while (warp.n_exchanges == number) leave();
  }
  return slot;
}

// Its lanes in turn, until each waits or is done. Returns whether any could run.
bool Block::run_warp(int index) {
  const auto& warp = warps_[static_cast<std::size_t>(index)];
  for (bool any_ran = false;; any_ran = true) {
    const auto before = std::pair(warp.n_exchanges, warp.n_arrived);
    bool any_runs = false, any_stopped = false, any_waits = false;
    for (current_ = index * kLanes; current_ < (index + 1) * kLanes; ++current_) {
      if (fiber().state == State::kWaiting && (*fiber().ready)()) fiber().state = State::kRunning;
      any_waits = any_waits || fiber().state == State::kWaiting;
      if (fiber().state != State::kRunning) continue;
      switch_context(scheduler_, fiber().context);
      if (error_) std::rethrow_exception(error_);
      (fiber().state == State::kRunning ? any_runs : any_stopped) = true;
    }
    if (!any_runs) return any_ran || any_stopped;
    if (any_stopped || before != std::pair(warp.n_exchanges, warp.n_arrived)) continue;
    if (any_waits) return any_ran;
    throw std::logic_error("lanes of a warp wait for others that have ended or are at a barrier");
  }
}

// Where all threads that are not done have come to the barrier of the block.
bool Block::release_barrier() {
  bool any = false;
  for (const auto& fiber : fibers_) {
    if (fiber.state == State::kWaiting)
      throw std::logic_error("threads wait for what no other thread will do any more");
    any = any || fiber.state == State::kAtBarrier;
  }
  for (auto& fiber : fibers_)
    if (fiber.state == State::kAtBarrier) fiber.state = State::kRunning;
  return any;
}

// Returns the number of times that the barrier was passed before.
int Block::arrive(int barrier, int n_threads) {
  auto& named = named_.at(static_cast<std::size_t>(barrier));
  const int number = named.n_passed;
  if (++named.n_arrived == n_threads) {
    named.n_arrived = 0;
    ++named.n_passed;
  }
  return number;
}

void Block::copied(const std::byte* piece) {
  unfenced_[index_of(piece)] = true;
  fiber().unfenced.push_back(index_of(piece));
}

void Block::fence_copies() {
  for (const auto piece : std::exchange(fiber().unfenced, {})) unfenced_[piece] = false;
}

void Block::finish() const {
  for (std::size_t w = 0; w < warps_.size(); ++w) warps_[w].products.finish(warps_[w / 4 * 4].products);
}

void Block::run(std::int64_t block_x, std::int64_t block_y, std::int64_t block_z, bool reverse) {
  x = block_x, y = block_y, z = block_z;
  shared_.reset(new (std::align_val_t(kSharedAlignment)) std::byte[shared_bytes_]);
  std::memset(shared_.get(), 0xff, shared_bytes_);
  unfenced_.assign(shared_bytes_ / 16 + 1, false);
  named_ = {};
  for (auto& warp : warps_) warp = {};
  for (int t = 0; t < n_threads_; ++t) start(t);
  const int n_warps = n_threads_ / kLanes;
  bool any_ran = true;
  while (any_ran || release_barrier()) {
    any_ran = false;
    ++n_rounds_;
    for (int w = 0; w < n_warps; ++w) any_ran = run_warp(reverse ? n_warps - 1 - w : w) || any_ran;
  }
  finish();
}

}  // namespace

void set_reverse_warps(bool reverse) { reverse_warps = reverse; }
void set_compute_capability(int tenfold) { capability = tenfold; }
int compute_capability() { return capability; }
std::size_t most_shared_bytes() { return capability == 90 ? kHopperSharedBytes : kLeastSharedBytes; }

int thread() { return block->thread(); }
int n_threads() { return block->n_threads(); }
int block_x() { return static_cast<int>(block->x); }
int block_y() { return static_cast<int>(block->y); }
int block_z() { return static_cast<int>(block->z); }
int n_blocks_x() { return static_cast<int>(n_blocks_in_x); }
std::byte* shared_memory() { return block->shared(); }
std::uint32_t shared_address(const void* shared) {
  return kFirstSharedAddress +
         static_cast<std::uint32_t>(static_cast<const std::byte*>(shared) - block->shared());
}
const std::byte* at_shared_address(std::uint32_t address) {
  if (address < kFirstSharedAddress || address >= kFirstSharedAddress + block->shared_bytes())
    throw std::logic_error("an address outside of shared memory");
  return block->shared() + (address - kFirstSharedAddress);
}
void sync_block() { block->sync_block(); }
void arrive(int barrier, int n_threads) { block->arrive(barrier, n_threads); }
void sync_threads(int barrier, int n_threads) {
  const int number = block->arrive(barrier, n_threads);
  block->wait_until([=] { return block->has_passed(barrier, number); });
}
void wait_until(const std::function<bool()>& ready) { block->wait_until(ready); }
void let_others_run() { block->let_others_run(); }
WarpProducts& products_of_warp() { return block->products(); }
void fence_copies() { block->fence_copies(); }
bool is_unfenced(const std::byte* piece) { return block->is_unfenced(piece); }

const Exchanged& exchange(const void* own, std::size_t n_bytes, const void* place) {
  return block->exchange(own, n_bytes, place);
}

void sync_warp() {
  static const char place = 0;
  const int nothing = 0;
  exchange(&nothing, sizeof nothing, &place);
}

std::uint32_t ballot(bool predicate) {
  static const char place = 0;
  const auto& all = exchange(&predicate, sizeof predicate, &place);
  std::uint32_t bits = 0;
  for (int l = 0; l < kLanes; ++l)
    if (from_lane<bool>(all, l)) bits |= std::uint32_t{1} << l;
  return bits;
}

void copy_async_16(void* shared, const void* global, bool valid) {
  if (reinterpret_cast<std::uintptr_t>(shared) % 16 != 0 ||
      (valid && reinterpret_cast<std::uintptr_t>(global) % 16 != 0))
    throw std::logic_error("an asynchronous copy is not aligned to 16 bytes");
  block->fiber().open_group.push_back({shared, valid ? global : nullptr});
}

void copy_async_commit() { block->fiber().groups.push_back(std::exchange(block->fiber().open_group, {})); }

void copy_async_wait_for(int n_groups_under_way) {
  auto& groups = block->fiber().groups;
  while (static_cast<int>(groups.size()) > n_groups_under_way) {
    for (const auto& copy : groups.front()) {
      if (copy.from)
        std::memcpy(copy.to, copy.from, 16);
      else
        std::memset(copy.to, 0, 16);
      block->copied(static_cast<const std::byte*>(copy.to));
    }
    groups.pop_front();
  }
}

namespace {

// Row r of matrix m is where lane 8 m + r points to.
const std::byte* row_of(const Exchanged& rows, int matrix, int row) {
  return from_lane<const std::byte*>(rows, 8 * matrix + row);
}

void check_aligned(const void* row) {
  if (reinterpret_cast<std::uintptr_t>(row) % 16 != 0)
    throw std::logic_error("a row of a matrix is not aligned to 16 bytes");
}

}  // namespace

void load_matrices(std::uint32_t (&r)[4], const void* row) {
  static const char place = 0;
  check_aligned(row);
  const auto& rows = exchange(&row, sizeof row, &place);
  for (int m = 0; m < 4; ++m) std::memcpy(&r[m], row_of(rows, m, lane() / 4) + 4 * (lane() % 4), 4);
}

void load_matrices_transposed(std::uint32_t (&r)[4], const void* row) {
  static const char place = 0;
  check_aligned(row);
  const auto& rows = exchange(&row, sizeof row, &place);
  for (int m = 0; m < 4; ++m)
    for (int half = 0; half < 2; ++half)
      std::memcpy(reinterpret_cast<std::byte*>(&r[m]) + 2 * half,
                  row_of(rows, m, 2 * (lane() % 4) + half) + 2 * (lane() / 4), 2);
}

void run_blocks(Grid grid, int n_threads, std::size_t shared_bytes, const std::function<void()>& kernel) {
  if (n_threads < 1 || n_threads > kMostThreads || n_threads % kLanes != 0)
    throw std::logic_error("a block of " + std::to_string(n_threads) + " threads");
  if (shared_bytes > most_shared_bytes())
    throw std::logic_error("a kernel wants " + std::to_string(shared_bytes) + " bytes of shared memory");
  Block here(n_threads, shared_bytes, kernel);
  block = &here;
  n_blocks_in_x = grid.x;
  try {
    for (std::int64_t z = 0; z < grid.z; ++z)
      for (std::int64_t y = 0; y < grid.y; ++y)
        for (std::int64_t x = 0; x < grid.x; ++x) here.run(x, y, z, reverse_warps);
  } catch (...) {
    block = nullptr;
    throw;
  }
  block = nullptr;
}

}  // namespace kvcompare::gpu
