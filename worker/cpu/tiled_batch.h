// A batch of the tiled engine: its units pass the model together, a phase after the other. Every phase is a
// list of tiles of all units, which the threads of a team share. A tile begins at a fixed place of its own
// sample and sees nothing of the others, so a unit's numbers depend neither on its company nor on the
// threads.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include <ATen/core/Tensor.h>

#include "worker/cpu/lane.h"
#include "worker/cpu/layer_pass.h"
#include "worker/cpu/packed_weights.h"
#include "worker/cpu/unit_in_flight.h"
#include "worker/devices/tile_team.h"
#include "worker/engine/batch_work.h"
#include "worker/engine/death_observer.h"
#include "worker/model/rotation_tables.h"

namespace kvcompare {

// T: float or double. All that is passed to the constructor outlives the batch.
template <class T>
class TiledBatch {
 public:
  //   rotations : reach the end of the longest sample
  //   lanes     : one a thread of the team
  TiledBatch(PackedWeights& weights, const RotationTables& rotations, std::vector<Lane<T>>& lanes,
             TileTeam& team, const DeathObserver& observe_deaths);

  // Units that share a sample share the reading of its embedding.
  void add(UnitInFlight<T>& unit);

  void run(BatchWork& work);

 private:
  struct Tile {
    UnitInFlight<T>* unit;
    std::int64_t kv_head;
    std::int64_t begin;  // first token
  };
  // Row tiles of a unit that pass the experts together.
  struct Span {
    UnitInFlight<T>* unit;
    std::int64_t begin, end;  // tokens
  };
  struct Task {
    UnitInFlight<T>* unit;
    Rounds* rounds;
    std::size_t task;
  };

  void list_tiles();
  void pass_layer(LayerIndex index, const LayerPass<T>& layer);
  void schedule(const LayerPass<T>& layer);
  void pass_experts(LayerIndex index, const LayerPass<T>& layer);
  std::vector<Span> expert_spans(const ExpertsShape& shape) const;
  std::vector<std::int64_t> chosen_experts() const;

  // f(lane, unit, tile) for the tiles, or tasks, of all units that have not failed.
  template <class Piece, class F>
  void each(Phase phase, const std::vector<Piece>& tiles, const F& f);

  PackedWeights& weights_;
  const Decoder& decoder_;
  const RotationTables& rotations_;
  std::vector<Lane<T>>& lanes_;
  TileTeam& team_;
  const DeathObserver& observe_deaths_;
  std::vector<UnitInFlight<T>*> units_;
  std::map<SampleIndex, at::Tensor> embedded_;
  std::vector<Tile> row_tiles_, attention_tiles_;
};

}  // namespace kvcompare
