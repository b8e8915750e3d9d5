// An engine evaluates units; a unit is one sample under one method. The result depends only on the weights,
// the sample (ids and index), the method and the chunk size; if a reference is given, its comparison depends
// on that too. It does not depend on clock, rank, thread count, order, or the other units of a batch.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <ATen/core/Tensor.h>

#include "common/data/sample.h"
#include "common/run/method_spec.h"
#include "common/run/unit_result.h"

namespace kvcompare {

// What an engine is asked to evaluate. Sample and method must outlive the call.
struct EngineTask {
  const Sample* sample;
  const MethodSpec* method;
  // The last hidden states of the baseline on this sample, with which distributions are compared. Undefined:
  // they are not compared.
  at::Tensor reference{};
  // Instead of a reference: the place, in the same call and before this task, of the task whose last hidden
  // states are it. That task gives them and names no such task itself; if it fails, this one fails with the
  // same exception.
  std::optional<std::size_t> reference_task{};
  bool gives_last_hidden = false;  // so that the result can be the reference of other units

  bool is_compared() const { return reference.defined() || reference_task; }
};

struct EngineResult {
  UnitResult unit;
  // The states that the head makes logits of, behind the last norm: [n_tokens - 1, d_model], on the CPU, in
  // the number format that the engine multiplies with the head. Undefined unless the task asks for it.
  at::Tensor last_hidden{};
};

// Either a result, or what was thrown instead.
using EngineOutcome = std::variant<EngineResult, std::exception_ptr>;

// Called with the share of a run_together that is done, from 0 to 1, never decreasing. The thread of
// run_together calls it, at the latest after each layer or chunk.
using WorkObserver = std::function<void(double share)>;

class Engine {
 public:
  virtual ~Engine() = default;

  // Sets the observer from the next run on. An observer changes no number.
  void observe_work(WorkObserver observer) { observer_ = std::move(observer); }

  // Evaluates one unit. The caller fills in `unit.method` of the result. Throws std::domain_error if a score,
  // or a number that a score is made of, is NaN.
  //   sample.ids : at least two
  UnitResult run(const Sample& sample, const MethodSpec& method);
  EngineResult run(const EngineTask& task);

  // Evaluates several units and returns their outcomes in the same order. Each outcome is the same as if the
  // unit had run alone, with its reference given, bit for bit, except for its seconds.
  virtual std::vector<EngineOutcome> run_together(std::span<const EngineTask> tasks) = 0;

  // How many tokens are worth running together; 0: one unit at a time.
  virtual std::int64_t n_tokens_at_once() const { return 0; }

  // The arithmetic that this engine chose when it was made. On another machine it may choose another one, and
  // then the last bits differ. On the CPU this is Highway's name of an instruction set ("AVX3_DL"). With
  // weights of 16 bits it also says how products are computed: "AVX3, bfloat16 products by AVX512-BF16". On a
  // GPU it is the instruction of attention ("wgmma", "mma.sync", "fma"). Empty if libtorch chooses
  // everything.
  virtual std::string instruction_set() const { return ""; }

 protected:
  const WorkObserver& work_observer() const { return observer_; }

 private:
  WorkObserver observer_;
};

// Implements run_together for an engine that runs one unit after the other: calls `run_one` for each unit,
// and measures its time.
std::vector<EngineOutcome> run_one_by_one(std::span<const EngineTask> tasks,
                                          const std::function<EngineResult(const EngineTask&)>& run_one);

// Implements run_together for an engine that takes references only as states: calls `run_all` for the tasks
// without a reference_task, then for the others with what those gave as their `reference`.
std::vector<EngineOutcome> run_references_first(
    std::span<const EngineTask> tasks,
    const std::function<std::vector<EngineOutcome>(std::span<const EngineTask>)>& run_all);

}  // namespace kvcompare
