#include "worker/tile_team.h"

#include <utility>

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

namespace kvcompare {

TileTeam::TileTeam(int n_threads) {
  at::set_num_threads(1);
  try {
    for (int t = 1; t < n_threads; ++t)
      helpers_.emplace_back([this, t] { help(static_cast<std::size_t>(t)); });
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
    const std::scoped_lock lock(mutex_);  // it also writes what is common to all threads
    at::set_num_threads(1);
  }
  for (std::uint32_t seen = 0;;) {
    round_.wait(seen);
    seen = round_.load();
    if (work_ == nullptr) return;
    take_tiles(thread);
    if (n_busy_.fetch_sub(1) == 1) n_busy_.notify_one();
  }
}

void TileTeam::take_tiles(std::size_t thread) {
  const c10::InferenceMode no_autograd;  // holds for one thread
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
