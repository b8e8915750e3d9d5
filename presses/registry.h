// The list of all methods. A new method is one file in presses/methods, which holds its parameters, its
// formula and its row, and one line in registry.cpp. This header does not include torch, because the command
// line reads it too.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
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
class LateScorer;
class DriftingScorer;
class ObservingScorer;
class LayerPress;
class ExternalScores;
class LayerSink;
struct KvzapSurrogate;

// The type tells an engine what a scorer needs; see scorer.h. The baseline has a NoScorer.
struct NoScorer {};
using Scorer = std::variant<NoScorer, std::unique_ptr<FixedScorer>, std::unique_ptr<LateScorer>,
                            std::unique_ptr<DriftingScorer>, std::unique_ptr<ObservingScorer>>;

struct ScorerResources;

// Trained scorers, by the place that the parameters of an instance name.
using TrainedScorers = std::map<std::string, KvzapSurrogate, std::less<>>;

// Scores that were computed elsewhere, likewise.
using ScoresByPlace = std::map<std::string, std::unique_ptr<ExternalScores>, std::less<>>;

enum class DefaultPolicy { kNone, kRatio, kThreshold };

// A switch that adds a method to the methods that the user named.
struct IncludeFlag {
  std::string_view name;
  std::string_view help;
};

// A name for a method with some of its flags set: AdaKV is snapkv with head_budgets adaptive.
struct MethodVariant {
  std::string_view name;                                             // as in --methods
  std::string_view display_name;                                     // of its paper
  std::string_view source;                                           // paper
  std::vector<std::pair<std::string_view, std::string_view>> fixed;  // flag and value
};

// Everything that is known about a method outside of its own file.
struct MethodDescription {
  std::string_view name;                    // as in --methods and docs/semantics.md
  std::string_view display_name;            // as in reports
  std::vector<std::string_view> aliases{};  // other spellings: kvpress's class names
  std::vector<MethodVariant> variants{};    // names for it with flags of its own
  DefaultPolicy policy = DefaultPolicy::kRatio;
  // It keeps its latest keys whatever their scores, so there is nothing for a threshold to judge.
  bool protects_latest = false;
  // It scores keys by the queries that it expects of positions to come. What these are is not defined where
  // a model scales its queries by their position.
  bool expects_queries = false;
  bool in_all = false;  // part of `--methods all`, which is also the default; `every` is all of them
  std::vector<ParameterFlag> parameters{};  // described<its struct>()
  std::string_view summary = "";            // one line: what the score is
  std::string_view source = "";             // paper
  // Either makes a scorer, by whose scores each KV head evicts as the policy says, or makes a press that
  // decides for all heads of a layer.
  Scorer (*make)(const MethodSpec&, const ScorerResources&) = nullptr;
  std::unique_ptr<LayerPress> (*make_press)(const MethodSpec&, const ScorerResources&) = nullptr;
  // What the method costs; null: nothing beyond the model's own pass.
  MethodCost (*cost)(const MethodSpec&, const ModelShape&) = nullptr;
  // What the method asks of a GPU; null: it is refused there.
  DeviceSchedule (*on_device)(const MethodSpec&) = nullptr;
  IncludeFlag include{};  // no name if there is no such switch
};

// What a scorer needs beyond its parameters, and methods that are in no list. Must outlive the scorer.
struct ScorerResources {
  const TrainedScorers* trained = nullptr;               // null if no method of the run needs one
  std::span<const MethodDescription> more_methods = {};  // beside methods(): what a test brings
  const ScoresByPlace* external = nullptr;               // null if no method of the run reads scores
  LayerSink* sink = nullptr;  // who is shown what layers see while a press is at work; null: nobody
};

// All methods in the order of reports; the baseline is first.
std::span<const MethodDescription> methods();

// Finds a method by name, display name or alias, ignoring case, '_', '-' and ' '. Null if there is none.
const MethodDescription* find_method(std::string_view spelling);

// Finds a variant of a method by its name or display name, likewise.
struct FoundVariant {
  const MethodDescription* method = nullptr;  // null if there is none
  const MethodVariant* variant = nullptr;
};
FoundVariant find_variant(std::string_view spelling);

// Whether the method needs a scorer that was trained for the model.
bool needs_trained_scorer(const MethodDescription& method);

// The flag that says where the scores lie that the method reads; empty if it computes its scores.
std::string_view flag_of_scores(const MethodDescription& method);

// Returns the method with these parameters, whose ranges the command line has checked. Throws ConfigError for
// an unknown policy, and for a threshold that a method which protects its latest keys would have to judge by.
MethodSpec make_method_spec(const MethodDescription& method, const MethodFlags& flags);

// Returns the row of a spec, from methods() or from resources.more_methods. Throws InvariantError if there is
// none.
const MethodDescription& description_of(const MethodSpec& spec, const ScorerResources& resources = {});

// What the method costs beyond a pass of the model.
MethodCost method_cost(const MethodSpec& spec, const ModelShape& shape);

// Returns the schedule on a GPU: that of the row, or the host's where kernels cannot do what the instance
// asks: rank protected latest positions apart, or share budgets among layers or heads. Throws ConfigError,
// saying what would be accepted, if the GPU engine has no schedule for the method.
DeviceSchedule device_schedule(const MethodSpec& spec, const ScorerResources& resources = {});

// Returns the scorer of a spec that make_method_spec made and whose row has a scorer. Throws ConfigError if
// the scorer needs what no engine gives it.
Scorer make_scorer(const MethodSpec& spec, const ScorerResources& resources);

// Returns the press of any spec: the press of its row, or per_head() of its scorer. Throws as make_scorer
// does.
std::unique_ptr<LayerPress> make_press(const MethodSpec& spec, const ScorerResources& resources);

}  // namespace kvcompare
