// The methods that exist. A new method is one file in presses/ and one line in registry.cpp.
// This header does not include torch: the command line reads it too.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "common/method_spec.h"
#include "common/run_spec.h"

namespace kvcompare {

class FixedScorer;
class DriftingScorer;
class ObservingScorer;
struct KvzapSurrogate;

// An engine knows from the type what a scorer needs; see scorer.h. NoScorer: the baseline.
struct NoScorer {};
using Scorer = std::variant<NoScorer, std::unique_ptr<FixedScorer>, std::unique_ptr<DriftingScorer>,
                            std::unique_ptr<ObservingScorer>>;

// What a scorer needs beyond its parameters. Outlives the scorer.
struct ScorerResources {
  const KvzapSurrogate* kvzap = nullptr;  // null if the run has no kvzap
};

enum class DefaultPolicy { kNone, kRatio, kThreshold };
enum class SinkFlag { kNone, kNSink, kKvzapNSink };  // which flag says how many sinks the scorer has

struct MethodDescription {
  std::string_view name;                  // as in --methods and docs/semantics.md
  std::string_view display_name;          // as in reports
  std::vector<std::string_view> aliases;  // other spellings: kvpress's class names
  DefaultPolicy policy;
  SinkFlag sinks;
  bool in_all;                               // part of `--methods all`, which is also the default
  std::vector<std::string_view> parameters;  // flags that the scorer reads, its sinks included
  std::string_view summary;                  // one line: what the score is
  std::string_view source;                   // paper
  Scorer (*make)(const ScorerParameters&, const ScorerResources&);
};

// All methods in the order of reports; the baseline is first.
std::span<const MethodDescription> methods();

// By name, display name or alias, ignoring case, '_', '-' and ' '. Null if there is none.
const MethodDescription* find_method(std::string_view spelling);

// The method with the parameters of this run, whose ranges the command line has checked. Throws ConfigError for an
// unknown policy.
MethodSpec make_method_spec(const MethodDescription& method, const RunSpec& run);

// The scorer of a spec made by make_method_spec.
Scorer make_scorer(const MethodSpec& spec, const ScorerResources& resources);

}  // namespace kvcompare
