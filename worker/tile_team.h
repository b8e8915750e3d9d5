// Work that is cut in tiles, shared by the threads of at::get_num_threads(). Who computes a tile is decided by who is
// free; a tile is computed by one thread from first to last, so its numbers do not depend on that.
#pragma once

#include <cstddef>
#include <functional>

namespace kvcompare {

// f(lane, tile) for all tiles in [0, n_tiles), low numbers first; lane: which of the n_lanes() threads runs it.
// Returns when all are done. Throws what the first f to throw threw.
void for_each_tile(std::size_t n_tiles, const std::function<void(std::size_t lane, std::size_t tile)>& f);

std::size_t n_lanes();

}  // namespace kvcompare
