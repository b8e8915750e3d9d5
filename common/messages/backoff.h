// Waiting for what has to be asked for: short pauses first, then longer ones.
#pragma once

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

namespace kvcompare {

// 10 us, doubling to 5 ms: quick where an answer is near, next to no load where it is not. (A pause of 1 ms
// costs a thread that computes on the same core some percent.)
class Backoff {
 public:
  void wait() { std::this_thread::sleep_for(next()); }

  // The next pause, for a caller that has another way to wait.
  std::chrono::microseconds next() {
    return std::exchange(pause_, std::min(2 * pause_, std::chrono::microseconds(5000)));
  }
  void reset() { pause_ = kShortest; }

 private:
  static constexpr std::chrono::microseconds kShortest{10};
  std::chrono::microseconds pause_ = kShortest;
};

}  // namespace kvcompare
