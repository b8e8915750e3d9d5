// Draws some samples of a data set, the same ones whenever it is read with the same seed.
//
// The samples come in a shuffled order, and the drawn ones are the first of it. So those of a smaller draw
// are the first of a larger one. A sample's place in that order is the SHA-256 of "SEED:N", N: the record
// that it is from, counted from 0; of "SEED:N:W" for the windows W = 1, 2, ... of a record after its first
// one.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/data/sample.h"
#include "common/data/truncation.h"

namespace kvcompare {

class SampleDraw {
 public:
  SampleDraw(std::uint64_t seed, std::int64_t n_wanted) : seed_(seed), n_wanted_(n_wanted) {}

  // Whether the only sample of a record can be among the drawn ones, by what was offered so far.
  bool may_take(std::int64_t record) const { return fits(key(record, 0)); }

  struct Drawn {
    Sample sample;
    Truncation truncated;
    bool begins_twice = false;
  };
  void offer(std::int64_t record, std::int64_t window, Drawn drawn);
  void leave_out_short(std::int64_t record, std::int64_t window);  // would have been offered

  struct Result {
    std::vector<Drawn> drawn;  // in their order
    std::int64_t n_short = 0;  // left out before the last of them
  };
  Result result() &&;

 private:
  std::string key(std::int64_t record, std::int64_t window) const;
  bool fits(const std::string& key) const;

  std::uint64_t seed_;
  std::int64_t n_wanted_;
  std::map<std::string, Drawn> drawn_;  // by key; n_wanted_ at most
  std::vector<std::string> short_;      // keys
};

}  // namespace kvcompare
