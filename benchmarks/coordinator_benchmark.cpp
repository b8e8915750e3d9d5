// Measures what the coordinator itself costs: handing out units, gathering results, writing the journal. The
// worker answers at once. Prints the memory that a unit takes, too.
#include <filesystem>

#include <benchmark/benchmark.h>
#include <malloc.h>

#include "coordinator/coordinator_loop.h"
#include "coordinator/plan/plan.h"

namespace kvcompare {
namespace {

// A worker that answers at once.
constexpr std::int64_t kTokens = 40;  // of a sample

class InstantWorker : public Messenger {
 public:
  InstantWorker() { inbox_.push_back({Rank(1), Hello{"here", "none", 4096, ""}}); }

  void send(Rank, Message message) override {
    if (auto* assign = std::get_if<Assign>(&message)) {
      for (auto& unit : assign->units) {
        result_.unit = unit.unit;
        inbox_.push_back({Rank(1), result_});
      }
    } else if (std::holds_alternative<Stop>(message)) {
      inbox_.push_back({Rank(1), Goodbye{}});
    }
  }

  std::optional<Envelope> receive(std::chrono::milliseconds) override {
    if (next_ == inbox_.size()) {
      inbox_.clear();
      next_ = 0;
      return std::nullopt;
    }
    return std::move(inbox_[next_++]);
  }

 private:
  std::vector<Envelope> inbox_;
  std::size_t next_ = 0;
  UnitResult result_ = [] {  // of 32 layers with 8 KV heads
    UnitResult result;
    const std::vector<double> token_nll(kTokens - 1, 1.23456789012345);
    for (const auto nll : token_nll) result.numbers.total_nll += nll;
    result.nll_by_position = nll_by_position(token_nll, nll_bin_width(RunSpec{}.max_length));
    result.seconds = 0.0123456789;
    result.kept.n_layers = 32;
    result.kept.n_kv_heads = 8;
    result.numbers.n_tokens = kTokens;
    result.kept.per_head.assign(256, kTokens);
    for (std::int64_t j = 0; j < kTokens; ++j) result.kept.by_position[position_bin(j, kTokens)] += 256;
    auto& keys = result.numbers.keys;
    keys.original = keys.kept = keys.peak = 256 * kTokens;
    keys.attendable = keys.attended = 256 * kTokens * (kTokens + 1) / 2;
    return result;
  }();
};

void run_units(benchmark::State& state) {
  const auto n_samples = state.range(0);
  std::vector<Sample> samples;
  for (std::int64_t s = 0; s < n_samples; ++s)
    samples.push_back({SampleIndex(s), std::vector<TokenId>(kTokens, 1)});
  JournalHeader header;
  header.spec.methods.push_back({"baseline", "Baseline", KeepAll{}, {}});
  for (const auto* name : {"b", "c", "d", "e", "f", "g"})
    header.spec.methods.push_back({name, name, RatioBudget{}, {}});
  header.model = {32, 32, 8, 128, 4096, 128256, 131072};
  header.n_samples = n_samples;
  const auto file = std::filesystem::temp_directory_path() / "kvcompare-coordinator-benchmark.jsonl";
  double bytes = 0;
  for (auto _ : state) {
    const auto before = mallinfo2();
    Work work{.samples = samples,
              .methods = header.spec.methods,
              .units = plan_units(samples, header.spec, {}, {}, Quarantined::kLeave),
              .max_length = header.spec.max_length};
    JournalWriter journal(file, header, Sync::kNone);
    InstantWorker worker;
    benchmark::DoNotOptimize(
        coordinate(worker, 1, work, journal,
                   {.progress = [](auto, const auto&) {}, .stop_requested = [] { return false; }}));
    state.PauseTiming();
    const Journal known(file);  // what the reports are made of
    const auto after = mallinfo2();
    bytes = static_cast<double>(after.uordblks + after.hblkhd - before.uordblks - before.hblkhd);
    state.ResumeTiming();
  }
  std::filesystem::remove(file);
  const auto n_units = static_cast<double>(n_samples) * 7;
  state.counters["units/s"] = benchmark::Counter(n_units, benchmark::Counter::kIsIterationInvariantRate);
  state.counters["bytes/unit"] = bytes / n_units;
}

BENCHMARK(run_units)->Arg(1000)->Arg(10000)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace kvcompare

BENCHMARK_MAIN();
