// The head as the units of a batch pass it: final norm, logits, and what is made of next-token distributions.
// Logits of the whole vocabulary exist for one row tile of a thread at a time, and for it only where
// distributions are compared: the comparison needs both normalisers, and so a second look at the logits.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

#include "worker/cpu/lane.h"
#include "worker/cpu/packed_weights.h"
#include "worker/cpu/unit_in_flight.h"
#include "worker/devices/tile_team.h"
#include "worker/engine/batch_work.h"
#include "worker/model/decoder.h"

namespace kvcompare {

// T: float or double. All that is passed to the constructor outlives the pass.
template <class T>
class HeadPass {
 public:
  //   lanes : one a thread of the team
  HeadPass(PackedWeights& weights, std::vector<Lane<T>>& lanes, TileTeam& team);

  // Fills the rows of all units that have not failed.
  void run(std::span<UnitInFlight<T>* const> units, BatchWork& work);

 private:
  // Units of one sample that are compared with the same reference, whose logits are computed once for all.
  struct Group {
    UnitInFlight<T>* baseline = nullptr;  // the unit that the reference is of, if it is in the batch
    std::vector<UnitInFlight<T>*> units{};

    std::int64_t n_rows() const { return units.front()->n_tokens() - 1; }
    std::vector<UnitInFlight<T>*> all() const {
      auto all = units;
      if (baseline) all.push_back(baseline);
      return all;
    }
  };
  // Rows of a group, or of one unit that is compared with nothing.
  struct Tile {
    Group group;
    std::int64_t begin = 0;  // first token
    std::int64_t n = 0;
    std::vector<TokenLogits> reference{};  // [n], or empty
  };
  // A block of the vocabulary.
  struct Block {
    std::int64_t first = 0;  // its first entry
    at::Tensor weights{};    // [d_model, n_entries]
  };

  void keep_last_hidden(std::span<UnitInFlight<T>* const> units);
  static std::vector<Group> groups_of(std::span<UnitInFlight<T>* const> units);
  void list_plain_tiles(std::span<UnitInFlight<T>* const> units, const std::vector<Group>& groups);
  void list_compared_tiles(const std::vector<Group>& groups);
  static void put_reference(const Tile& tile);
  std::int64_t rows_in_compared_tile() const;
  void pass_in_blocks(std::vector<Tile>& tiles, BatchWork& work, double operations);
  void pass_at_once(std::vector<Tile>& tiles);

  // f(lane, tile) for all tiles, by the threads of the team.
  template <class F>
  void each(std::vector<Tile>& tiles, const F& f);
  // f(block) for all blocks, in order.
  template <class F>
  void each_block(const F& f);

  void multiply_reference(Lane<T>& lane, const Tile& tile, const Block& block, const at::Tensor& logits);
  void multiply_unit(Lane<T>& lane, const UnitInFlight<T>& unit, const Tile& tile, const Block& block,
                     const at::Tensor& logits);

  PackedWeights& weights_;
  const Decoder& decoder_;
  std::vector<Lane<T>>& lanes_;
  TileTeam& team_;
  std::vector<Tile> plain_, compared_;
};

}  // namespace kvcompare
