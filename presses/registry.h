// The methods that exist. A new method is one file in presses/ and one line in registry.cpp.
// This header does not include torch: the command line reads it too.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/run/method_flags.h"
#include "common/run/method_spec.h"

namespace kvcompare {

class FixedScorer;
class DriftingScorer;
class ObservingScorer;
struct KvzapSurrogate;

// An engine knows from the type what a scorer needs; see scorer.h. NoScorer: the baseline.
struct NoScorer {};
using Scorer = std::variant<NoScorer, std::unique_ptr<FixedScorer>, std::unique_ptr<DriftingScorer>,
                            std::unique_ptr<ObservingScorer>>;

struct ScorerResources;

// By kvzap_scorer_model, as the parameters of an instance name it.
using KvzapSurrogates = std::map<std::string, KvzapSurrogate, std::less<>>;

enum class DefaultPolicy { kNone, kRatio, kThreshold };
enum class SinkFlag { kNone, kNSink, kKvzapNSink };  // which flag says how many sinks the scorer has

// What computes a method's death times on a GPU (worker/gpu/gpu_schedule). A row of the registry names it,
// because the kernels of the last two hold the formula of one press: the kind of a scorer does not say which.
enum class DeviceSchedule {
  kNone,               // nothing: the GPU engine refuses the method
  kKeepAll,            // of the baseline
  kTokenScores,        // any FixedScorer, which is asked for its scores on the device
  kRandomNumbers,      // scores of `random`, by a kernel
  kPositions,          // scores of streaming_llm
  kExpectedAttention,  // kernels with that formula
  kObservedAttention,  // likewise
};

struct MethodDescription {
  std::string_view name;                  // as in --methods and docs/semantics.md
  std::string_view display_name;          // as in reports
  std::vector<std::string_view> aliases;  // other spellings: kvpress's class names
  DefaultPolicy policy;
  SinkFlag sinks;
  bool in_all;  // part of `--methods all`, which is also the default; `every` is all of them
  std::vector<std::string_view> parameters;  // flags that the scorer reads, its sinks included
  std::string_view summary;                  // one line: what the score is
  std::string_view source;                   // paper
  Scorer (*make)(const ScorerParameters&, const ScorerResources&);
  DeviceSchedule on_device = DeviceSchedule::kNone;
};

// What a scorer needs beyond its parameters, and methods that are in no list. Outlives the scorer.
struct ScorerResources {
  const KvzapSurrogates* kvzap = nullptr;                // null if the run has no kvzap
  std::span<const MethodDescription> more_methods = {};  // beside methods(): what a test brings
};

// All methods in the order of reports; the baseline is first.
std::span<const MethodDescription> methods();

// By name, display name or alias, ignoring case, '_', '-' and ' '. Null if there is none.
const MethodDescription* find_method(std::string_view spelling);

// The method with these parameters, whose ranges the command line has checked. Throws ConfigError
// for an unknown policy.
MethodSpec make_method_spec(const MethodDescription& method, const MethodFlags& flags);

// The row of a spec: of methods(), or of resources.more_methods. Throws InvariantError if there is none.
const MethodDescription& description_of(const MethodSpec& spec, const ScorerResources& resources = {});

// Throws ConfigError, with what would be accepted, if the GPU engine has no schedule for the method.
DeviceSchedule device_schedule(const MethodSpec& spec, const ScorerResources& resources = {});

// The scorer of a spec made by make_method_spec. Throws ConfigError if it needs what no engine gives it.
Scorer make_scorer(const MethodSpec& spec, const ScorerResources& resources);

}  // namespace kvcompare
