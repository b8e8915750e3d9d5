// The methods that exist. A new method is one file in presses/methods, which holds its parameters, its
// formula and its row, and one line in registry.cpp.
// This header does not include torch: the command line reads it too.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/run/method_cost.h"
#include "common/run/method_flags.h"
#include "common/run/method_spec.h"
#include "common/run/model_shape.h"
#include "presses/device_schedule.h"
#include "presses/parameters.h"

namespace kvcompare {

class FixedScorer;
class DriftingScorer;
class ObservingScorer;
class LayerPress;
struct KvzapSurrogate;

// An engine knows from the type what a scorer needs; see scorer.h. NoScorer: the baseline.
struct NoScorer {};
using Scorer = std::variant<NoScorer, std::unique_ptr<FixedScorer>, std::unique_ptr<DriftingScorer>,
                            std::unique_ptr<ObservingScorer>>;

struct ScorerResources;

// Trained scorers by the place that the parameters of an instance name.
using TrainedScorers = std::map<std::string, KvzapSurrogate, std::less<>>;

enum class DefaultPolicy { kNone, kRatio, kThreshold };

// A switch that adds a method to those that are named.
struct IncludeFlag {
  std::string_view name;
  std::string_view help;
};

// All that is known of a method outside of its own file.
struct MethodDescription {
  std::string_view name;                    // as in --methods and docs/semantics.md
  std::string_view display_name;            // as in reports
  std::vector<std::string_view> aliases{};  // other spellings: kvpress's class names
  DefaultPolicy policy = DefaultPolicy::kRatio;
  bool in_all = false;  // part of `--methods all`, which is also the default; `every` is all of them
  std::vector<ParameterFlag> parameters{};  // described<its struct>()
  std::string_view summary = "";            // one line: what the score is
  std::string_view source = "";             // paper
  // A scorer, by whose scores each KV head evicts as the policy says; or else a press that decides for all
  // heads of a layer.
  Scorer (*make)(const MethodSpec&, const ScorerResources&) = nullptr;
  std::unique_ptr<LayerPress> (*make_press)(const MethodSpec&, const ScorerResources&) = nullptr;
  // What it costs; nothing beyond the model's own pass if null.
  MethodCost (*cost)(const MethodSpec&, const ModelShape&) = nullptr;
  // What it asks of a GPU; refused there if null.
  DeviceSchedule (*on_device)(const MethodSpec&) = nullptr;
  IncludeFlag include{};  // no name if there is no such switch
};

// What a scorer needs beyond its parameters, and methods that are in no list. Outlives the scorer.
struct ScorerResources {
  const TrainedScorers* trained = nullptr;               // null if no method of the run needs one
  std::span<const MethodDescription> more_methods = {};  // beside methods(): what a test brings
};

// All methods in the order of reports; the baseline is first.
std::span<const MethodDescription> methods();

// By name, display name or alias, ignoring case, '_', '-' and ' '. Null if there is none.
const MethodDescription* find_method(std::string_view spelling);

// Whether the method needs a scorer that was trained for the model.
bool needs_trained_scorer(const MethodDescription& method);

// The method with these parameters, whose ranges the command line has checked. Throws ConfigError
// for an unknown policy.
MethodSpec make_method_spec(const MethodDescription& method, const MethodFlags& flags);

// The row of a spec: of methods(), or of resources.more_methods. Throws InvariantError if there is none.
const MethodDescription& description_of(const MethodSpec& spec, const ScorerResources& resources = {});

// What the method costs beyond a pass of the model.
MethodCost method_cost(const MethodSpec& spec, const ModelShape& shape);

// Throws ConfigError, with what would be accepted, if the GPU engine has no schedule for the method.
DeviceSchedule device_schedule(const MethodSpec& spec, const ScorerResources& resources = {});

// The scorer of a spec made by make_method_spec, whose row has one. Throws ConfigError if it needs what no
// engine gives it.
Scorer make_scorer(const MethodSpec& spec, const ScorerResources& resources);

// The press of any spec: that of its row, or per_head() of its scorer. Throws as make_scorer.
std::unique_ptr<LayerPress> make_press(const MethodSpec& spec, const ScorerResources& resources);

}  // namespace kvcompare
