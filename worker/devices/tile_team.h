// Threads that share work cut in tiles, or any other pieces that do not touch each other. Who computes a tile
// is decided by who is free; a tile is computed by one thread from first to last, so its numbers do not
// depend on that. (at::parallel_for would cut by the number of threads, and libtorch's own products inside a
// tile as well.)
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace kvcompare {

class TileTeam {
 public:
  // Starts n_threads - 1 threads; the caller of for_each is the other one. On all of them libtorch computes
  // with one thread from now on.
  explicit TileTeam(int n_threads);
  ~TileTeam();
  TileTeam(const TileTeam&) = delete;
  TileTeam& operator=(const TileTeam&) = delete;

  std::size_t n_threads() const { return helpers_.size() + 1; }

  using Work = std::function<void(std::size_t thread, std::size_t tile)>;
  // work(thread, tile) for all tiles in [0, n_tiles), low numbers first. Returns when all are done; then
  // throws what the first of them to throw threw. Called by the thread that made the team.
  void for_each(std::size_t n_tiles, const Work& work);

 private:
  void help(std::size_t thread);
  void send_home();
  void take_tiles(std::size_t thread);

  const Work* work_ = nullptr;  // null: the team is to end
  std::size_t n_tiles_ = 0;
  std::atomic<std::size_t> next_tile_{0};
  std::atomic<std::uint32_t> round_{0};    // for_each calls so far; a helper waits for the next
  std::atomic<std::uint32_t> n_ready_{0};  // helpers that have begun
  std::atomic<std::uint32_t> n_busy_{0};   // helpers that have not finished the round
  std::mutex mutex_;
  std::exception_ptr error_;
  std::vector<std::jthread> helpers_;
};

}  // namespace kvcompare
