// Measures the coordinator of a run that is larger than this machine: the real scheduler, loop and journal,
// and ranks that compute nothing, on a virtual clock (virtual_ranks.h). What the coordinator computes is real
// and takes virtual time.
//
//   scale_benchmark run FOLDER [--ranks 64] [--samples 100000] [--instances 50] [...]
//   scale_benchmark resume FOLDER      reads the journal of that run, plans what is left, and opens the
//                                      journal for writing
//
// Prints a number a line, and ends with 1 if one of the limits that were given is not kept.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>

#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include "benchmarks/imaginary_results.h"
#include "benchmarks/virtual_ranks.h"
#include "coordinator/coordinator_loop.h"
#include "coordinator/plan/plan.h"

namespace kvcompare {
namespace {

constexpr std::int64_t kNLengths = 8;              // of samples
constexpr std::int64_t kTurnsBetweenLooks = 1000;  // of the coordinator; at its memory

using Arguments = std::map<std::string, double>;

// Names and defaults of what may be given.
const Arguments kArguments{
    {"ranks", 64},
    {"samples", 100000},
    {"instances", 50},
    {"unit_seconds", 1},  // the mean
    {"tokens", 1024},     // of the longest sample; the shortest has half of them
    {"layers", 30},       // of the model
    {"kv_heads", 3},      // of a layer
    {"latency", 0.0005},  // seconds that a message takes
    {"sync", 0.005},      // seconds that the journal waits for the disk
    {"at_once", 0},       // tokens of the units that a rank takes together
    {"charge", 1},        // virtual seconds for a CPU second of the coordinator
    {"divergence", 1},    // 0: distributions are not compared, so no rank prefers the units of a sample
    {"least_efficiency", 0},
    {"most_unit_bytes", INFINITY},     // of memory
    {"most_journal_bytes", INFINITY},  // of a unit
};

Arguments arguments_of(int argc, char** argv) {
  auto arguments = kArguments;
  for (int i = 3; i < argc; i += 2) {
    const std::string name = argv[i];
    if (i + 1 == argc || !name.starts_with("--") || !arguments.contains(name.substr(2)))
      throw std::invalid_argument(name + " is no argument, or lacks its number");
    arguments[name.substr(2)] = std::stod(argv[i + 1]);
  }
  return arguments;
}

std::int64_t whole(const Arguments& arguments, const char* name) {
  return static_cast<std::int64_t>(arguments.at(name));
}

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  double size = 0, resident = 0;
  statm >> size >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

// That the program has asked for and not given back.
double heap_bytes() {
  const auto heap = ::mallinfo2();
  return static_cast<double>(heap.uordblks + heap.hblkhd);
}

double peak_bytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return 1024.0 * static_cast<double>(usage.ru_maxrss);
}

void tell(const char* name, double value) { std::printf("%-28s %.6g\n", name, value); }

bool keeps(const char* limit, bool is_kept) {
  if (!is_kept) std::printf("%s is not kept\n", limit);
  return is_kept;
}

// A run as large as was asked for.
struct Scale {
  explicit Scale(const Arguments& a) : arguments(a) {
    const auto longest = whole(a, "tokens");
    header.n_samples = whole(a, "samples");
    header.spec.max_length = longest;
    header.spec.no_divergence = a.at("divergence") == 0;
    header.spec.methods.push_back({"baseline", "Baseline", KeepAll{}, {}});
    for (std::int64_t m = 1; m < whole(a, "instances"); ++m)
      header.spec.methods.push_back({"streaming_llm",
                                     "StreamingLLM",
                                     RatioBudget{static_cast<double>(m) / 1000},
                                     {{"n_sink", std::int64_t{4}}}});
    model = {.n_layers = whole(a, "layers"), .n_kv_heads = whole(a, "kv_heads")};
    header.model = {model.n_layers, 3 * model.n_kv_heads, model.n_kv_heads, 64, 576, 49152, 8192};
    for (std::int64_t s = 0; s < header.n_samples; ++s)
      samples.push_back({SampleIndex(s), std::vector<TokenId>(static_cast<std::size_t>(n_tokens(s)), 1)});
    for (std::int64_t length = 0; length < kNLengths; ++length)
      for (std::int64_t m = 0; m < whole(a, "instances"); ++m)
        results.push_back(imaginary_result(model, n_tokens(length), longest, m == 0,
                                           static_cast<std::uint64_t>(length * 1000 + m)));
    if (header.spec.no_divergence)
      for (auto& result : results) {
        result.numbers.divergence.reset();
        result.sketches = {};
      }
  }

  std::int64_t n_tokens(std::int64_t sample) const {
    const auto longest = whole(arguments, "tokens");
    return longest - sample % kNLengths * longest / (2 * kNLengths);
  }

  std::int64_t n_units() const { return header.n_samples * std::ssize(header.spec.methods); }

  // Some methods are slower than others by factors that the plan does not know, and no two units are alike.
  double unit_seconds(UnitId unit) const {
    const auto noise = static_cast<double>((unit.sample.value * 7919 + unit.method.value * 104729) % 1000);
    const auto method = static_cast<double>(unit.method.value % 5);
    return arguments.at("unit_seconds") * static_cast<double>(n_tokens(unit.sample.value)) /
           (0.78125 * arguments.at("tokens")) * (0.6 + 0.2 * method) * (0.95 + noise / 10000);
  }

  UnitResult result(UnitId unit, double seconds) const {
    const auto n_methods = std::ssize(header.spec.methods);
    auto result =
        results[static_cast<std::size_t>(unit.sample.value % kNLengths * n_methods + unit.method.value)];
    result.unit = unit;
    result.seconds = seconds;
    return result;
  }

  const Arguments& arguments;
  ImaginaryModel model;
  JournalHeader header;
  std::vector<Sample> samples;
  std::vector<UnitResult> results;
};

int run(const std::filesystem::path& file, const Arguments& arguments) {
  const Scale scale(arguments);
  const auto before = resident_bytes();
  const auto heap_before = heap_bytes();
  VirtualRanks ranks({.n_ranks = static_cast<int>(arguments.at("ranks")),
                      .n_tokens_at_once = whole(arguments, "at_once"),
                      .latency = arguments.at("latency"),
                      .sync_seconds = arguments.at("sync"),
                      .coordinator_share = arguments.at("charge"),
                      .unit_seconds = [&](UnitId unit) { return scale.unit_seconds(unit); },
                      .result = [&](UnitId unit, double s) { return scale.result(unit, s); }});
  Work work{.samples = scale.samples,
            .methods = scale.header.spec.methods,
            .units = plan_units(scale.samples, scale.header.spec, {}, {}, Quarantined::kLeave),
            .max_length = scale.header.spec.max_length,
            .no_divergence = scale.header.spec.no_divergence};
  JournalWriter journal(file, scale.header, Sync::kNone);
  double heap = 0;  // the most that was seen
  std::int64_t n_turns = 0;
  coordinate(ranks, static_cast<int>(arguments.at("ranks")), work, journal,
             {.progress =
                  [&](auto, const auto&) {
                    if (n_turns++ % kTurnsBetweenLooks == 0) heap = std::max(heap, heap_bytes());
                  },
              .stop_requested = [] { return false; },
              .now = [&] { return ranks.now(); }});
  const auto n_units = static_cast<double>(scale.n_units());
  const auto unit_bytes = (heap - heap_before) / n_units;
  const auto journal_bytes = static_cast<double>(std::filesystem::file_size(file)) / n_units;
  const auto efficiency = ranks.work() / (arguments.at("ranks") * ranks.makespan());
  tell("ranks", arguments.at("ranks"));
  tell("units", n_units);
  tell("efficiency", efficiency);
  tell("virtual_seconds", ranks.makespan());
  tell("units_per_virtual_second", n_units / ranks.makespan());
  tell("messages_per_virtual_second", static_cast<double>(ranks.n_messages()) / ranks.makespan());
  tell("message_bytes_per_unit", static_cast<double>(ranks.n_bytes()) / n_units);
  tell("units_per_sync", n_units / static_cast<double>(ranks.n_syncs()));
  tell("coordinator_us_per_unit", 1e6 * ranks.coordinator_seconds() / n_units);
  tell("coordinator_share_of_a_core", ranks.coordinator_seconds() / ranks.makespan());
  tell("heap_bytes_per_unit", unit_bytes);
  tell("resident_bytes_per_unit", (peak_bytes() - before) / n_units);
  tell("journal_bytes_per_unit", journal_bytes);
  const bool is_efficient = keeps("least_efficiency", efficiency >= arguments.at("least_efficiency"));
  const bool is_small = keeps("most_unit_bytes", unit_bytes <= arguments.at("most_unit_bytes"));
  const bool is_short = keeps("most_journal_bytes", journal_bytes <= arguments.at("most_journal_bytes"));
  return is_efficient && is_small && is_short ? 0 : 1;
}

int resume(const std::filesystem::path& file, const Arguments& arguments) {
  const Scale scale(arguments);
  const auto before = resident_bytes();
  const auto cpu = cpu_seconds();
  const auto began = std::chrono::steady_clock::now();
  const auto journal = std::make_unique<Journal>(file);
  const JournalWriter writer(*journal, Sync::kNone);
  const auto units = plan_units(scale.samples, journal->header().spec, {}, journal->units(),
                                Quarantined::kLeave, journal->deaths());
  tell("wall_seconds", std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count());
  tell("cpu_seconds", cpu_seconds() - cpu);
  const auto n_units = static_cast<double>(journal->units().size());
  const auto unit_bytes = (peak_bytes() - before) / n_units;
  tell("units", n_units);
  tell("units_left", static_cast<double>(units.size()));
  tell("memory_bytes_per_unit", unit_bytes);
  const bool is_whole = keeps("the number of units", journal->n_settled() == journal->n_units());
  return keeps("most_unit_bytes", unit_bytes <= arguments.at("most_unit_bytes")) && is_whole ? 0 : 1;
}

}  // namespace
}  // namespace kvcompare

int main(int argc, char** argv) {
  try {
    const std::string what = argc > 2 ? argv[1] : "";
    if (what != "run" && what != "resume")
      throw std::invalid_argument("run FOLDER or resume FOLDER is expected");
    const auto arguments = kvcompare::arguments_of(argc, argv);
    std::filesystem::create_directories(argv[2]);
    const auto file = std::filesystem::path(argv[2]) / "journal.jsonl";
    return what == "run" ? kvcompare::run(file, arguments) : kvcompare::resume(file, arguments);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "scale_benchmark: %s\n", error.what());
    return 2;
  }
}
