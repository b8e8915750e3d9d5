#include "worker/tile_team.h"

#include <atomic>
#include <cstdint>

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

namespace kvcompare {

std::size_t n_lanes() { return static_cast<std::size_t>(at::get_num_threads()); }

void for_each_tile(std::size_t n_tiles, const std::function<void(std::size_t lane, std::size_t tile)>& f) {
  std::atomic<std::size_t> next{0};
  const auto lanes = static_cast<std::int64_t>(std::min(n_lanes(), n_tiles));
  at::parallel_for(0, lanes, 1, [&](std::int64_t begin, std::int64_t end) {
    const c10::InferenceMode no_autograd;  // of each thread
    for (auto lane = begin; lane < end; ++lane)
      for (auto tile = next.fetch_add(1); tile < n_tiles; tile = next.fetch_add(1))
        f(static_cast<std::size_t>(lane), tile);
  });
}

}  // namespace kvcompare
