#include "launch/session/sought_thresholds.h"

#include <algorithm>
#include <cmath>
#include <future>
#include <utility>

#include <ATen/Parallel.h>

#include "common/errors.h"
#include "common/log.h"
#include "common/plural.h"
#include "common/run/instance_name.h"
#include "common/run/method_parameters.h"
#include "common/shortest.h"
#include "coordinator/plan/plan.h"
#include "launch/session/workers.h"
#include "worker/devices/cached_memory.h"
#include "worker/devices/device.h"
#include "worker/search/recorded_scores.h"
#include "worker/search/threshold_search.h"

namespace kvcompare {
namespace {

constexpr double kThousand = 1000;
constexpr double kFarFromTarget = 0.01;

bool is_sought(const MethodSpec& method) { return target_density_of(method).has_value(); }

std::optional<FoundThreshold> find_known(const std::vector<FoundThreshold>& known, const MethodSpec& method) {
  for (const auto& one : known)
    if (one.target_density == target_density_of(method) &&
        one.instance == instance_name(with_threshold(method, one.threshold)))
      return one;
  return std::nullopt;
}

SearchScope scope_of(const Job& job, const JobData& data, const c10::Device& device) {
  const auto& samples = data.dataset.samples;
  return {.samples = searched_samples(samples, without_scored_token(samples)),
          .chunk_size = job.spec.chunk_size,
          .protocol = protocol_of(job.spec),
          .n_layers = n_evicting_layers(job.config.decoder),
          .n_kv_heads = heads_of(job.config.decoder).n_kv_heads,
          .device = full_name(device)};
}

void check_sought(const MethodSpec& method, const SearchScope& scope) {
  if (!may_have_fixed_scores(method))
    throw ConfigError(
        "target_density",
        "the scores of " + method.display_name +
            " change from event to event, so that no threshold can be found among them; give it "
            "one, as in --methods " +
            method.name + ":threshold=X, or leave it out");
  const auto least = least_density(scope, method);
  if (*target_density_of(method) >= least) return;
  const auto reachable = std::ceil(least * kThousand) / kThousand;
  throw ConfigError(
      "target_density",
      shortest(*target_density_of(method)) + " cannot be reached by " + method.display_name +
          ": whatever the threshold, queries read at least " + shortest(reachable) +
          " of the keys, those of their own chunk, of the latest " + std::to_string(window_of(method)) +
          " positions (--sliding_window_size, --protect_last) and of the first ones that are never "
          "evicted; " +
          (reachable < 1 ? "give a density from " + shortest(reachable) + " on, or a smaller window"
                         : "give a smaller window, a smaller --chunk_size or longer samples"));
}

void tell(const MethodSpec& method, const FoundThreshold& found) {
  const auto text = method.display_name + ": threshold " + shortest(found.threshold) + " reads " +
                    shortest(std::round(found.density * 1e4) / 1e4) + " of the keys, of " +
                    shortest(found.target_density) + " asked for (" + std::to_string(found.n_passes) +
                    " passes over these samples)";
  if (std::abs(found.density - found.target_density) <= kFarFromTarget)
    log_info(text);
  else
    log_warning(text + ": no threshold that was tried comes nearer, because many keys have the same score");
}

// Instances without a threshold of which the journal knows none. Those of the job know their scorers then.
std::vector<MethodSpec> unknown_of(Job& job, const JobData& data, const std::vector<FoundThreshold>& known) {
  job.spec = with_scorers(job.spec, data);
  std::vector<MethodSpec> unknown;
  for (const auto& method : job.spec.methods)
    if (is_sought(method) && !find_known(known, method)) unknown.push_back(method);
  return unknown;
}

struct Search {
  c10::Device device;
  SearchScope scope;
};

Search checked_search(const Job& job, const JobData& data, const RunOptions& options,
                      const SearchPlace& place, const std::vector<MethodSpec>& unknown) {
  if (place.on_host && options.dedicated_coordinator)
    throw ConfigError("target_density",
                      "rank 0 looks for the threshold, and with --dedicated_coordinator it evaluates "
                      "nothing; leave that out, or begin the run without it and go on with --resume");
  const auto device = place.on_host ? device_of(job.devices, options, *place.on_host) : job.devices.front();
  Search search{device, scope_of(job, data, device)};
  for (const auto& method : unknown) check_sought(method, search.scope);
  return search;
}

void complete(std::vector<MethodSpec>& methods, const std::vector<FoundThreshold>& known) {
  for (auto& method : methods)
    if (const auto found = find_known(known, method)) method = with_threshold(method, found->threshold);
  drop_repeated(methods);
}

// The model is loaded when this begins and let go when it ends.
std::vector<FoundThreshold> search(const std::vector<MethodSpec>& methods, const SearchScope& scope,
                                   LoadedModel& model, int n_threads) {
  ThresholdSearch search(scope, [&](auto more) { return model.make_engine(n_threads, more); });
  std::vector<FoundThreshold> found;
  for (const auto& method : methods) {
    const auto target = target_density_of(method).value();
    found.push_back(search.find(with_threshold(method, 0), target));
    tell(method, found.back());
  }
  return found;
}

}  // namespace

std::vector<FoundThreshold> find_thresholds(Job& job, const JobData& data, const RunOptions& options,
                                            const SearchPlace& place, std::vector<FoundThreshold> known) {
  if (std::ranges::none_of(job.spec.methods, is_sought)) return known;
  const auto unknown = unknown_of(job, data, known);
  if (!unknown.empty()) {
    const auto [device, scope] = checked_search(job, data, options, place, unknown);
    log_info("looking for " + counted(std::ssize(unknown), "threshold") + " on " +
             counted(std::ssize(scope.samples), "sample") + ", " + counted(scope.n_tokens(), "token"));
    // On a thread like those of workers: its number of libtorch's threads is its own.
    auto found = std::async(std::launch::async, [&, &device = device, &scope = scope] {
      at::set_num_threads(1);
      const auto model =
          load_model(engine_inputs(job, options), device,
                     {.n_on_gpu = place.on_host ? n_ranks_on_device(job.devices, *place.on_host) : 1});
      return search(unknown, scope, *model, place.n_threads);
    });
    std::ranges::move(found.get(), std::back_inserter(known));
    give_back_cached_memory(device);
  }
  complete(job.spec.methods, known);
  return known;
}

std::vector<MethodSpec> thresholds_to_find(Job& job, const JobData& data, const RunOptions& options,
                                           const SearchPlace& place,
                                           const std::vector<FoundThreshold>& known) {
  if (std::ranges::none_of(job.spec.methods, is_sought)) return {};
  auto unknown = unknown_of(job, data, known);
  if (!unknown.empty()) checked_search(job, data, options, place, unknown);
  complete(job.spec.methods, known);
  return unknown;
}

}  // namespace kvcompare
