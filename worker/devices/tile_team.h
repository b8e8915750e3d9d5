// A team of threads that shares work which is cut into tiles, or into other independent pieces. Any free
// thread takes the next tile. One thread computes a tile from start to end, so the numbers do not depend on
// which thread does. (at::parallel_for would cut the work by the number of threads, and so would libtorch's
// own products inside a tile.)
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
  // Starts n_threads - 1 threads; the caller of for_each is the last one. From now on libtorch computes with
  // one thread on each of them.
  explicit TileTeam(int n_threads);
  ~TileTeam();
  TileTeam(const TileTeam&) = delete;
  TileTeam& operator=(const TileTeam&) = delete;

  std::size_t n_threads() const { return helpers_.size() + 1; }

  using Work = std::function<void(std::size_t thread, std::size_t tile)>;
  // Calls work(thread, tile) for all tiles in [0, n_tiles), low numbers first. Returns when all are done. If
  // calls throw, throws the first exception then. Only the thread that made the team may call this.
  void for_each(std::size_t n_tiles, const Work& work);

 private:
  void help(std::size_t thread);
  void send_home();
  void take_tiles(std::size_t thread);

  const Work* work_ = nullptr;  // null: the team is to end
  std::size_t n_tiles_ = 0;
  std::atomic<std::size_t> next_tile_{0};
  std::atomic<std::uint32_t> round_{0};    // number of for_each calls so far; helpers wait for the next
  std::atomic<std::uint32_t> n_ready_{0};  // helpers that have begun
  std::atomic<std::uint32_t> n_busy_{0};   // helpers that have not finished the round
  std::mutex mutex_;
  std::exception_ptr error_;
  std::vector<std::jthread> helpers_;
};

}  // namespace kvcompare
