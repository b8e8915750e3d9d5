#include "worker/cpu/tiled_engine.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <c10/core/InferenceMode.h>

#include "common/errors.h"
#include "common/log.h"
#include "worker/cpu/simd_target.h"
#include "worker/cpu/tile_rows.h"
#include "worker/cpu/tiled_batch.h"
#include "worker/engine/batch_work.h"
#include "worker/model/rotation_tables.h"

namespace kvcompare {
namespace {

// Batches: enough tiles for the threads; with streamed weights enough work for one reading of them.
constexpr std::int64_t kTokensAtOnce = 4096;
constexpr std::int64_t kRowTilesPerThread = 8;
constexpr std::int64_t kTokensAtOnceStreaming = 32768;

using Clock = std::chrono::steady_clock;

template <class T>
class TiledEngine : public Engine {
 public:
  TiledEngine(PackedWeights& weights, const ScorerResources& resources, TiledOptions options)
      : weights_(weights),
        resources_(resources),
        options_(std::move(options)),
        n_rows_(rows_in_product(weights.products())),
        rotations_(weights.decoder(), c10::CppTypeToScalarType<T>::value),
        team_(options_.n_threads) {
    const c10::InferenceMode no_autograd;
    for (std::size_t t = 0; t < team_.n_threads(); ++t) lanes_.emplace_back(weights_, n_rows_);
  }

  ~TiledEngine() override { report_phases(); }

  std::int64_t n_tokens_at_once() const override {
    const auto n_threads = static_cast<std::int64_t>(team_.n_threads());
    return std::max(weights_.streams() ? kTokensAtOnceStreaming : kTokensAtOnce,
                    n_threads * kRowTilesPerThread * n_rows_);
  }

  std::string instruction_set() const override {
    const auto products = name_of(weights_.products());
    return simd_target() + (products.empty() ? "" : ", " + products);
  }

  std::vector<EngineOutcome> run_together(std::span<const EngineTask> tasks) override {
    const c10::InferenceMode no_autograd;
    const auto start = Clock::now();
    Entered entered;
    rotations_.forget_lengths();
    // The longest first, so that tables which samples share are made once.
    std::set<std::int64_t, std::greater<>> lengths;
    for (const auto& task : tasks) lengths.insert(std::ssize(task.sample->ids));
    for (const auto n_tokens : lengths) rotations_.reach(n_tokens);
    TiledBatch<T> batch(weights_, rotations_, lanes_, team_, options_.observe_deaths);
    for (const auto& task : tasks) {
      try {
        require(task.sample->ids.size() >= 2, "a sample of less than two tokens has nothing to predict");
        const auto& sample = *task.sample;
        const auto chunking =
            chunking_of(std::ssize(sample.ids), sample.n_context, options_.chunk_size, options_.protocol);
        auto unit = std::make_unique<UnitInFlight<T>>(task, baseline_of(task, entered), weights_.decoder(),
                                                      resources_, chunking);
        batch.add(*unit);
        entered.emplace_back(std::move(unit));
      } catch (...) {
        entered.emplace_back(std::current_exception());
      }
    }
    BatchWork work(work_observer(), all_operations(weights_.decoder(), tasks));
    batch.run(work);
    return outcomes(entered, std::chrono::duration<double>(Clock::now() - start).count());
  }

 private:
  using Entered = std::vector<std::variant<std::unique_ptr<UnitInFlight<T>>, std::exception_ptr>>;

  static UnitInFlight<T>* baseline_of(const EngineTask& task, const Entered& entered) {
    if (!task.reference_task) return nullptr;
    const auto& entry = entered.at(*task.reference_task);
    if (const auto* error = std::get_if<1>(&entry)) std::rethrow_exception(*error);
    return std::get<0>(entry).get();
  }

  std::vector<EngineOutcome> outcomes(const Entered& entered, double seconds) const {
    double busy_ns = 0;
    for (const auto& entry : entered)
      if (const auto* unit = std::get_if<0>(&entry)) busy_ns += static_cast<double>((*unit)->busy_ns);
    std::vector<EngineOutcome> outcomes;
    for (const auto& entry : entered) {
      if (const auto* error = std::get_if<1>(&entry)) {
        outcomes.emplace_back(*error);
      } else if (const auto& unit = *std::get<0>(entry); unit.failed) {
        outcomes.emplace_back(unit.failure);
      } else if (unit.baseline && unit.baseline->failed) {
        outcomes.emplace_back(unit.baseline->failure);
      } else {
        outcomes.emplace_back(finished(unit));
        // Its share of the time that all took, by the time that threads spent on it.
        std::get<EngineResult>(outcomes.back()).unit.seconds =
            seconds * static_cast<double>(unit.busy_ns) / busy_ns;
      }
    }
    return outcomes;
  }

  EngineResult finished(const UnitInFlight<T>& unit) const {
    TokenDistributions tokens;
    for (const auto& token : unit.tokens) {
      tokens.nll.push_back(token.nll());
      tokens.top1.push_back(token.row.top1);
    }
    for (std::size_t i = 0; i < unit.distances.size(); ++i) {
      const auto &token = unit.tokens[i], &of_reference = unit.reference_tokens[i];
      tokens.kl.push_back(kl_of<T>(unit.distances[i], token.row.log_sum, of_reference.row.log_sum));
      tokens.acceptance.push_back(acceptance_of(unit.distances[i], of_reference.row.log_sum));
      tokens.reference_nll.push_back(of_reference.nll());
      tokens.reference_top1.push_back(of_reference.row.top1);
    }
    return {.unit = result_of(unit.sample, std::move(tokens), unit.ledger), .last_hidden = unit.last_hidden};
  }

  void report_phases() const {
    std::string text;
    for (std::size_t p = 0; p < kPhaseNames.size(); ++p) {
      std::int64_t ns = 0;
      for (const auto& lane : lanes_) ns += lane.busy_ns[p];
      text += std::string(p > 0 ? ", " : "") + kPhaseNames[p] + " " +
              std::to_string(static_cast<double>(ns) * 1e-9);
    }
    log_debug("seconds of all threads: " + text);
  }

  PackedWeights& weights_;
  const ScorerResources resources_;
  const TiledOptions options_;
  const std::int64_t n_rows_;  // tokens of a row tile
  RotationTables rotations_;
  TileTeam team_;
  std::vector<Lane<T>> lanes_;  // one a thread
};

}  // namespace

std::unique_ptr<Engine> make_tiled_engine(PackedWeights& weights, const ScorerResources& resources,
                                          TiledOptions options) {
  require(options.chunk_size >= 1, "chunk_size is at least 1");
  if (weights.dtype() == at::kDouble)
    return std::make_unique<TiledEngine<double>>(weights, resources, std::move(options));
  return std::make_unique<TiledEngine<float>>(weights, resources, std::move(options));
}

}  // namespace kvcompare
