// Its check of longjmp takes another stack for a mistake.
#undef _FORTIFY_SOURCE

#include "worker/kernels/emulation.h"

#include <deque>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <setjmp.h>
#include <ucontext.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif

namespace kvcompare::gpu {
namespace {

constexpr std::size_t kStackBytes = 128 * 1024;
constexpr int kLanes = 32;
// The least of the architectures that are compiled for has: compute capability 12.0.
constexpr std::size_t kMostSharedBytes = 99 * 1024;
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

enum class State { kRunning, kAtBarrier, kDone };

struct Fiber {
  Context context;
  std::unique_ptr<std::byte[]> stack = std::make_unique_for_overwrite<std::byte[]>(kStackBytes);
  State state = State::kRunning;
  std::vector<Copy> open_group;
  std::deque<std::vector<Copy>> groups;
};

// Two exchanges, so that a lane may begin the next while others still read the last.
struct Warp {
  Exchanged exchanged[2];
  const void* places[2] = {};
  unsigned n_exchanges = 0;
  int n_arrived = 0;
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
  Fiber& fiber() { return fibers_[static_cast<std::size_t>(current_)]; }

  void sync_block() {
    fiber().state = State::kAtBarrier;
    leave();
  }

  const Exchanged& exchange(const void* own, std::size_t n_bytes, const void* place);

  std::int64_t x = 0, y = 0, z = 0;

 private:
  static void enter();
  void start(int thread);
  void leave() { switch_context(fiber().context, scheduler_); }
  void run_warp(int index);
  bool release_barrier();

  const std::function<void()>& kernel_;
  const int n_threads_;
  const std::size_t shared_bytes_;
  std::unique_ptr<std::byte[]> shared_;
  std::vector<Fiber> fibers_;
  std::vector<Warp> warps_;
  Context scheduler_;
  int current_ = 0;
  std::exception_ptr error_;
};

thread_local Block* block = nullptr;
thread_local std::int64_t n_blocks_in_x = 0;
thread_local bool reverse_warps = false;

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

// Its lanes in turn, until each waits at a barrier of the block or is done.
void Block::run_warp(int index) {
  const auto& warp = warps_[static_cast<std::size_t>(index)];
  for (;;) {
    const auto before = std::pair(warp.n_exchanges, warp.n_arrived);
    bool any_runs = false, any_stopped = false;
    for (current_ = index * kLanes; current_ < (index + 1) * kLanes; ++current_) {
      if (fiber().state != State::kRunning) continue;
      switch_context(scheduler_, fiber().context);
      if (error_) return;
      (fiber().state == State::kRunning ? any_runs : any_stopped) = true;
    }
    if (!any_runs) return;
    if (!any_stopped && before == std::pair(warp.n_exchanges, warp.n_arrived))
      throw std::logic_error("lanes of a warp wait for others that have ended or are at a barrier");
  }
}

bool Block::release_barrier() {
  bool any = false;
  for (auto& fiber : fibers_) {
    if (fiber.state != State::kAtBarrier) continue;
    fiber.state = State::kRunning;
    any = true;
  }
  return any;
}

void Block::run(std::int64_t block_x, std::int64_t block_y, std::int64_t block_z, bool reverse) {
  x = block_x, y = block_y, z = block_z;
  shared_ = std::make_unique_for_overwrite<std::byte[]>(shared_bytes_);
  std::memset(shared_.get(), 0xff, shared_bytes_);
  for (auto& warp : warps_) warp = {};
  for (int t = 0; t < n_threads_; ++t) start(t);
  const int n_warps = n_threads_ / kLanes;
  do {
    for (int w = 0; w < n_warps; ++w) {
      run_warp(reverse ? n_warps - 1 - w : w);
      if (error_) std::rethrow_exception(error_);
    }
  } while (release_barrier());
}

}  // namespace

void set_reverse_warps(bool reverse) { reverse_warps = reverse; }

int thread() { return block->thread(); }
int n_threads() { return block->n_threads(); }
int block_x() { return static_cast<int>(block->x); }
int block_y() { return static_cast<int>(block->y); }
int block_z() { return static_cast<int>(block->z); }
int n_blocks_x() { return static_cast<int>(n_blocks_in_x); }
std::byte* shared_memory() { return block->shared(); }
void sync_block() { block->sync_block(); }

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
  if (shared_bytes > kMostSharedBytes)
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
