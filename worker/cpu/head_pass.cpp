#include "worker/cpu/head_pass.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <memory>

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include "common/size.h"
#include "worker/cpu/tile_rows.h"
#include "worker/model/logits.h"

namespace kvcompare {
namespace {

// Of a thread, for logits of the whole vocabulary: those of a unit, and of its reference.
constexpr std::int64_t kMostKeptBytes = std::int64_t{32} << 20;
constexpr std::int64_t kLeastRows = 8;
constexpr std::int64_t kTilesPerThread = 4;

// The first numbers of a buffer that grows.
template <class T>
at::Tensor grown(at::Tensor& flat, std::int64_t n) {
  if (!flat.defined() || flat.numel() < n)
    flat = at::empty({n}, at::TensorOptions().dtype(c10::CppTypeToScalarType<T>::value));
  return flat.narrow(0, 0, n);
}

// Adds a block of logits to rows of tokens.
//   logits : [n, n_entries], of vocabulary entries from `first` on
//   ids    : of the tokens that follow, [n]
template <class T>
void add_logits(const at::Tensor& logits, std::int64_t first, const TokenId* ids, TokenLogits* rows) {
  const auto n_entries = logits.size(1);
  for (std::int64_t r = 0; r < logits.size(0); ++r) {
    add_block(row<T>(logits, r), size(n_entries), first, rows[r].row);
    const auto target = ids[r] - first;
    if (target >= 0 && target < n_entries) rows[r].of_target = row<T>(logits, r)[target];
  }
}

// Adds a block of logits to the comparison of a unit.
template <class T>
void add_distances(const at::Tensor& logits, const at::Tensor& of_reference, UnitInFlight<T>& unit,
                   std::int64_t begin, const std::vector<TokenLogits>& reference) {
  for (std::int64_t r = 0; r < logits.size(0); ++r)
    add_block(row<T>(logits, r), row<T>(of_reference, r), size(logits.size(1)),
              unit.tokens[size(begin + r)].row.log_sum, reference[size(r)].row.log_sum,
              unit.distances[size(begin + r)]);
}

}  // namespace

template <class T>
HeadPass<T>::HeadPass(PackedWeights& weights, std::vector<Lane<T>>& lanes, TileTeam& team)
    : weights_(weights), decoder_(weights.decoder()), lanes_(lanes), team_(team) {}

template <class T>
void HeadPass<T>::run(std::span<UnitInFlight<T>* const> units, BatchWork& work) {
  keep_last_hidden(units);
  const auto groups = groups_of(units);
  list_plain_tiles(units, groups);
  list_compared_tiles(groups);
  double of_all = 0, of_compared = 0;
  for (const auto* unit : units) of_all += head_operations(decoder_, unit->n_tokens());
  for (const auto& group : groups)
    for (const auto* unit : group.all()) of_compared += head_operations(decoder_, unit->n_tokens());
  pass_in_blocks(plain_, work, of_all - of_compared);
  if (weights_.streams()) {
    pass_in_blocks(compared_, work, of_compared);
  } else {
    pass_at_once(compared_);
    work.done(of_compared);
  }
}

// Of the units that shall give them, for those that are compared with them.
template <class T>
void HeadPass<T>::keep_last_hidden(std::span<UnitInFlight<T>* const> units) {
  for (auto* unit : units) {
    if (!unit->gives_last_hidden || unit->failed) continue;
    const auto x = unit->x.narrow(0, 0, unit->n_tokens() - 1);
    unit->last_hidden = at::empty_like(x);
    norm_rows<T>(decoder_.norm, x, weights_.final_norm(), weights_.final_norm_bias(), unit->last_hidden);
  }
  for (auto* unit : units) {
    if (!unit->baseline) continue;
    if (unit->baseline->failed)
      unit->fail(unit->baseline->failure);
    else
      unit->reference = unit->baseline->last_hidden;
  }
}

template <class T>
std::vector<typename HeadPass<T>::Group> HeadPass<T>::groups_of(std::span<UnitInFlight<T>* const> units) {
  std::vector<Group> groups;
  for (auto* unit : units) {
    if (unit->failed || !unit->reference.defined()) continue;
    auto group = std::ranges::find_if(
        groups, [&](const auto& one) { return one.units.front()->reference.is_same(unit->reference); });
    if (group == groups.end()) {
      const bool is_plain = unit->baseline && !unit->baseline->reference.defined();
      group = groups.insert(group, Group{.baseline = is_plain ? unit->baseline : nullptr});
    }
    group->units.push_back(unit);
  }
  return groups;
}

template <class T>
void HeadPass<T>::list_plain_tiles(std::span<UnitInFlight<T>* const> units,
                                   const std::vector<Group>& groups) {
  const auto most = lanes_.front().n_rows;
  for (auto* unit : units) {
    const bool is_compared =
        unit->reference.defined() || std::ranges::find(groups, unit, &Group::baseline) != groups.end();
    if (unit->failed || is_compared) continue;
    const auto n_rows = unit->n_tokens() - 1;
    for (std::int64_t i = 0; i < n_rows; i += most)
      plain_.push_back({.group = {.units = {unit}}, .begin = i, .n = std::min(most, n_rows - i)});
  }
}

template <class T>
void HeadPass<T>::list_compared_tiles(const std::vector<Group>& groups) {
  const auto most = rows_in_compared_tile();
  std::int64_t n_tiles = 0;
  for (const auto& group : groups) n_tiles += (group.n_rows() + most - 1) / most;
  if (n_tiles == 0) return;
  // Where tiles are too few for the threads, units of a group go apart; the reference is then computed for
  // each part.
  const auto n_wanted = kTilesPerThread * static_cast<std::int64_t>(team_.n_threads());
  const auto n_parts = (n_wanted + n_tiles - 1) / n_tiles;
  for (const auto& group : groups) {
    const auto n_units = std::ssize(group.units);
    const auto step = (n_units + n_parts - 1) / n_parts;
    for (std::int64_t u = 0; u < n_units; u += step) {
      const Group part{.baseline = u == 0 ? group.baseline : nullptr,
                       .units = {group.units.begin() + u, group.units.begin() + std::min(u + step, n_units)}};
      for (std::int64_t i = 0; i < group.n_rows(); i += most) {
        const auto n = std::min(most, group.n_rows() - i);
        compared_.push_back(
            {.group = part, .begin = i, .n = n, .reference = std::vector<TokenLogits>(size(n))});
      }
    }
  }
}

// When its rows are whole.
template <class T>
void HeadPass<T>::put_reference(const Tile& tile) {
  for (auto* unit : tile.group.units)
    std::ranges::copy(tile.reference, unit->reference_tokens.begin() + tile.begin);
  if (tile.group.baseline)
    std::ranges::copy(tile.reference, tile.group.baseline->tokens.begin() + tile.begin);
}

template <class T>
std::int64_t HeadPass<T>::rows_in_compared_tile() const {
  const auto n_rows = lanes_.front().n_rows;
  const auto bytes_of_row = 2 * decoder_.vocab_size * static_cast<std::int64_t>(sizeof(T));
  return std::clamp(kMostKeptBytes / bytes_of_row, std::min(kLeastRows, n_rows), n_rows);
}

// A block of the vocabulary after the other: its weights are read once for all tiles. For a comparison all
// blocks come a second time.
template <class T>
void HeadPass<T>::pass_in_blocks(std::vector<Tile>& tiles, BatchWork& work, double operations) {
  if (tiles.empty()) return;
  const bool compares = !tiles.front().reference.empty();
  const auto done = operations / static_cast<double>(weights_.n_head_blocks() * (compares ? 2 : 1));
  each_block([&](const Block& block) {
    each(tiles, [&](Lane<T>& lane, Tile& tile) {
      const auto logits = matrix_in(lane.logits, tile.n, block.weights.size(1));
      const auto* ids = tile.group.units.front()->sample.ids.data() + tile.begin + 1;
      if (compares) {
        multiply_reference(lane, tile, block, logits);
        add_logits<T>(logits, block.first, ids, tile.reference.data());
      }
      for (auto* unit : tile.group.units) {
        multiply_unit(lane, *unit, tile, block, logits);
        add_logits<T>(logits, block.first, ids, unit->tokens.data() + tile.begin);
      }
    });
    work.done(done);
  });
  if (!compares) return;
  each_block([&](const Block& block) {
    each(tiles, [&](Lane<T>& lane, Tile& tile) {
      const auto logits = matrix_in(lane.logits, tile.n, block.weights.size(1));
      const auto n_logits = tile.n * block.weights.size(1);
      const auto of_reference =
          matrix_in(grown<T>(lane.reference_logits, n_logits), tile.n, block.weights.size(1));
      multiply_reference(lane, tile, block, of_reference);
      for (auto* unit : tile.group.units) {
        multiply_unit(lane, *unit, tile, block, logits);
        add_distances<T>(logits, of_reference, *unit, tile.begin, tile.reference);
      }
    });
    work.done(done);
  });
  for (const auto& tile : tiles) put_reference(tile);
}

// A tile after the other, with all logits of a unit and of its reference.
template <class T>
void HeadPass<T>::pass_at_once(std::vector<Tile>& tiles) {
  if (tiles.empty()) return;
  std::vector<Block> blocks;
  each_block([&](const Block& block) { blocks.push_back(block); });
  each(tiles, [&](Lane<T>& lane, Tile& tile) {
    const auto n_kept = tile.n * decoder_.vocab_size;
    const auto kept = grown<T>(lane.kept_logits, n_kept),
               of_reference = grown<T>(lane.reference_logits, n_kept);
    const auto block_of = [&](const at::Tensor& logits, const Block& block) {
      return matrix_in(logits.narrow(0, tile.n * block.first, tile.n * block.weights.size(1)), tile.n,
                       block.weights.size(1));
    };
    const auto* ids = tile.group.units.front()->sample.ids.data() + tile.begin + 1;
    for (const auto& block : blocks) {
      multiply_reference(lane, tile, block, block_of(of_reference, block));
      add_logits<T>(block_of(of_reference, block), block.first, ids, tile.reference.data());
    }
    for (auto* unit : tile.group.units) {
      for (const auto& block : blocks) {
        multiply_unit(lane, *unit, tile, block, block_of(kept, block));
        add_logits<T>(block_of(kept, block), block.first, ids, unit->tokens.data() + tile.begin);
      }
      for (const auto& block : blocks)
        add_distances<T>(block_of(kept, block), block_of(of_reference, block), *unit, tile.begin,
                         tile.reference);
    }
    put_reference(tile);
  });
}

template <class T>
void HeadPass<T>::multiply_reference(Lane<T>& lane, const Tile& tile, const Block& block,
                                     const at::Tensor& logits) {
  lane.head_products.multiply(tile.group.units.front()->reference.narrow(0, tile.begin, tile.n),
                              block.weights, logits);
  if (!decoder_.logits.is_plain()) finish_logits(decoder_.logits, logits);
}

template <class T>
void HeadPass<T>::multiply_unit(Lane<T>& lane, const UnitInFlight<T>& unit, const Tile& tile,
                                const Block& block, const at::Tensor& logits) {
  const auto hidden = matrix_in(lane.hidden, tile.n, decoder_.hidden_size);
  norm_rows<T>(decoder_.norm, unit.x.narrow(0, tile.begin, tile.n), weights_.final_norm(),
               weights_.final_norm_bias(), hidden);
  lane.head_products.multiply(hidden, block.weights, logits);
  if (!decoder_.logits.is_plain()) finish_logits(decoder_.logits, logits);
}

template <class T>
template <class F>
void HeadPass<T>::each_block(const F& f) {
  std::shared_ptr<const at::Tensor> weights;
  for (std::int64_t b = 0; b < weights_.n_head_blocks(); ++b) {
    weights.reset();
    weights = weights_.head_block(b);
    f(Block{.first = b * PackedWeights::kHeadBlock, .weights = *weights});
  }
}

template <class T>
template <class F>
void HeadPass<T>::each(std::vector<Tile>& tiles, const F& f) {
  team_.for_each(tiles.size(), [&](std::size_t thread, std::size_t t) {
    auto& lane = lanes_[thread];
    auto& tile = tiles[t];
    const auto units = tile.group.all();
    if (std::ranges::all_of(units, [](const auto* unit) { return unit->failed.load(); })) return;
    const auto start = std::chrono::steady_clock::now();
    try {
      f(lane, tile);
    } catch (...) {
      for (auto* unit : units) unit->fail(std::current_exception());
    }
    const auto ns = std::chrono::nanoseconds(std::chrono::steady_clock::now() - start).count();
    for (auto* unit : units) unit->busy_ns += ns / std::ssize(units);
    lane.busy_ns[static_cast<std::size_t>(Phase::kHead)] += ns;
  });
}

template class HeadPass<float>;
template class HeadPass<double>;

}  // namespace kvcompare
