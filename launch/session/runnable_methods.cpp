#include "launch/session/runnable_methods.h"

#include <algorithm>
#include <filesystem>

#include "common/errors.h"
#include "common/files/hub_cache.h"
#include "common/log.h"
#include "common/run/method_parameters.h"
#include "worker/checkpoint/kvzap_checkpoint.h"
#include "worker/checkpoint/model_config.h"

namespace kvcompare {
namespace {

bool needs_scorer(const MethodSpec& method) {
  return find_parameter(method, ParameterRole::kPlace) != nullptr;
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

std::optional<ModelConfig> config_of_model(const RunSpec& spec) {
  try {
    return read_model_config(resolve_model("model_name", spec.model_name) / "config.json");
  } catch (const Error&) {
    return std::nullopt;  // read_job tells it
  }
}

// Empty: nothing.
std::string problem_of_scorers(const RunSpec& spec, const Decoder& model) {
  try {
    for (const auto& method : spec.methods)
      if (const auto* place = find_parameter(method, ParameterRole::kPlace))
        kvzap_model_type(resolve_model(place->name, value_as<std::string>(*place)), model, std::nullopt);
    return "";
  } catch (const ConfigError& error) {
    return first_line(error.problem);
  } catch (const CheckpointError& error) {
    return first_line(error.what());
  }
}

CompareCommand without_trained_scorers(CompareCommand command) {
  std::erase_if(command.spec.methods, needs_scorer);
  return command;
}

}  // namespace

std::optional<std::string> why_without_trained_scorers(const CompareCommand& command) {
  const RunSpec& spec = command.spec;
  const auto method = std::ranges::find_if(spec.methods, needs_scorer);
  if (!command.methods_by_default || method == spec.methods.end()) return std::nullopt;
  const auto model = config_of_model(spec);
  if (!model) return std::nullopt;
  const std::string problem = problem_of_scorers(spec, model->decoder);
  if (problem.empty()) return std::nullopt;
  return method->display_name + " is left out, because it has no scorer for this model: " + problem +
         ". To have " + method->display_name + ", give --" +
         find_parameter(*method, ParameterRole::kPlace)->name +
         " a scorer of this model; kvcompare train_kvzap trains one";
}

CompareCommand with_runnable_methods(const CompareCommand& command) {
  const auto why = why_without_trained_scorers(command);
  if (!why) return command;
  log_warning(*why);
  return without_trained_scorers(command);
}

CompareCommand with_runnable_methods(const CompareCommand& command, const MpiEnvironment& mpi) {
  const auto why = mpi.rank() == 0 ? why_without_trained_scorers(command) : std::nullopt;
  if (mpi.all_gather(why.value_or("")).front().empty()) return command;
  if (why) log_warning(*why);
  return without_trained_scorers(command);
}

}  // namespace kvcompare
