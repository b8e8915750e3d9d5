#include "worker/devices/tile_team.h"

#include <mutex>
#include <utility>

#include <ATen/Parallel.h>
#include <ATen/ops/log.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/ones.h>
#include <c10/core/InferenceMode.h>

namespace kvcompare {
namespace {

// At its first product and its first logarithm, MKL finds out which instructions the machine has. Threads
// that call MKL while another one is finding out might be served by other instructions, which give other last
// bits. So one thread calls MKL first.
void let_libraries_look_at_the_machine() {
  static std::once_flag once;
  std::call_once(once, [] {
    const c10::InferenceMode no_autograd;
    for (const auto type : {at::kFloat, at::kDouble}) {
      const auto ones = at::ones({64, 64}, type);
      at::log(at::mm(ones, ones));
    }
  });
}

}  // namespace

TileTeam::TileTeam(int n_threads) {
  at::set_num_threads(1);
  let_libraries_look_at_the_machine();
  try {
    for (int t = 1; t < n_threads; ++t)
      helpers_.emplace_back([this, t] { help(static_cast<std::size_t>(t)); });
    for (auto n = n_ready_.load(); n < helpers_.size(); n = n_ready_.load()) n_ready_.wait(n);
  } catch (...) {  // the system gives no more threads
    send_home();
    throw;
  }
}

TileTeam::~TileTeam() { send_home(); }

void TileTeam::send_home() {
  work_ = nullptr;
  round_.fetch_add(1);
  round_.notify_all();
}

void TileTeam::for_each(std::size_t n_tiles, const Work& work) {
  work_ = &work;
  n_tiles_ = n_tiles;
  next_tile_ = 0;
  error_ = nullptr;
  n_busy_ = static_cast<std::uint32_t>(helpers_.size());
  round_.fetch_add(1);
  round_.notify_all();
  take_tiles(0);
  for (auto n = n_busy_.load(); n > 0; n = n_busy_.load()) n_busy_.wait(n);
  if (error_) std::rethrow_exception(error_);
}

void TileTeam::help(std::size_t thread) {
  {
    const std::scoped_lock lock(mutex_);  // the call also writes state that all threads share
    at::set_num_threads(1);
  }
  n_ready_.fetch_add(1);
  n_ready_.notify_one();
  for (std::uint32_t seen = 0;;) {
    round_.wait(seen);
    seen = round_.load();
    if (work_ == nullptr) return;
    take_tiles(thread);
    if (n_busy_.fetch_sub(1) == 1) n_busy_.notify_one();
  }
}

void TileTeam::take_tiles(std::size_t thread) {
  const c10::InferenceMode no_autograd;  // holds for this thread only
  try {
    for (auto tile = next_tile_.fetch_add(1); tile < n_tiles_; tile = next_tile_.fetch_add(1))
      (*work_)(thread, tile);
  } catch (...) {
    const std::scoped_lock lock(mutex_);
    if (!error_) error_ = std::current_exception();
    next_tile_ = n_tiles_;
  }
}

}  // namespace kvcompare
