// An engine evaluates one unit: a sample under a method. Its result is a function of weights, sample
// (ids and index), method and chunk size alone: no clock, rank, thread count, order or neighbour is in it.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "common/data/sample.h"
#include "common/run/method_spec.h"
#include "common/run/unit_result.h"

namespace kvcompare {

// What an engine is asked for; both outlive the call.
struct EngineTask {
  const Sample* sample;
  const MethodSpec* method;
};

// What run() returns or throws.
using EngineOutcome = std::variant<UnitResult, std::exception_ptr>;

// Told how much of the work of a run_together is done: a share from 0 to 1 that only grows. Called by the
// thread of run_together, after each layer or chunk at the latest.
using WorkObserver = std::function<void(double share)>;

class Engine {
 public:
  virtual ~Engine() = default;

  // From the next run on; whoever watches changes no number.
  void observe_work(WorkObserver observer) { observer_ = std::move(observer); }

  // sample.ids: at least two. `unit.method` of the result is left to the caller.
  // Throws std::domain_error if a score, or what it is made of, is not a number.
  UnitResult run(const Sample& sample, const MethodSpec& method);

  // Several units, in the order given. Each outcome is that of a run alone, bit for bit but for its seconds.
  virtual std::vector<EngineOutcome> run_together(std::span<const EngineTask> tasks) = 0;

  // As many tokens as are worth running together; 0: one unit at a time.
  virtual std::int64_t n_tokens_at_once() const { return 0; }

  // The arithmetic that this engine chose when it was made, because another machine may make it choose
  // otherwise and then the last bits differ: Highway's name of an instruction set on the CPU ("AVX3_DL"; with
  // weights of 16 bits also how products are computed: "AVX3_ZEN4, bfloat16 products"), the instruction of
  // attention on a GPU ("wgmma", "mma.sync", "fma"). Empty if libtorch chooses everything.
  virtual std::string instruction_set() const { return ""; }

 protected:
  const WorkObserver& work_observer() const { return observer_; }

 private:
  WorkObserver observer_;
};

// run_together for an engine that runs one unit after the other: asks `run_one` for each and takes its time.
std::vector<EngineOutcome> run_one_by_one(std::span<const EngineTask> tasks,
                                          const std::function<UnitResult(const EngineTask&)>& run_one);

}  // namespace kvcompare
