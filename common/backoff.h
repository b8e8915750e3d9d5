// Waiting for what has to be asked for: short pauses first, then longer ones.
#pragma once

#include <algorithm>
#include <chrono>
#include <thread>

namespace kvcompare {

// 10 us, doubling to 1 ms: quick where an answer is near, next to no load where it is not.
class Backoff {
 public:
  void wait() {
    std::this_thread::sleep_for(pause_);
    pause_ = std::min(2 * pause_, std::chrono::microseconds(1000));
  }
  void reset() { pause_ = kShortest; }

 private:
  static constexpr std::chrono::microseconds kShortest{10};
  std::chrono::microseconds pause_ = kShortest;
};

}  // namespace kvcompare
