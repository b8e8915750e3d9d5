#include "launch/session/run_header.h"

#include <chrono>
#include <string>
#include <utility>

#include "common/data/data_reader.h"
#include "common/errors.h"
#include "common/files/hub_cache.h"
#include "common/log.h"
#include "common/path_on_disk.h"
#include "common/plural.h"
#include "common/version.h"
#include "coordinator/plan/plan.h"
#include "coordinator/reports/warnings.h"
#include "launch/session/model_shapes.h"
#include "worker/devices/machine_numerics.h"

namespace kvcompare {
namespace {

// Of a hub id, with the commit that the cache has for its revision.
std::string place_of_model(const Job& job) {
  if (can_be_seen(job.spec.model_name)) return absolute_path(job.spec.model_name);
  return hub_name(job.spec.model_name).id + "@" + job.model.filename().string();
}

Places places_of(const Job& job, const JobData& data) {
  Places places{.model_name = place_of_model(job), .data_path = absolute_data_path(job.spec.data_path)};
  for (const auto& [place, hash] : data.scorers)
    (job.scores.contains(place) ? places.external_scores : places.kvzap_scorers)
        .emplace(hash, can_be_seen(place) ? absolute_path(place) : place);
  return places;
}

}  // namespace

JournalHeader header_of(const Job& job, const JobData& data, std::vector<FoundThreshold> found,
                        const std::optional<Shard>& shard) {
  JournalHeader header;
  header.asked = std::chrono::system_clock::now();
  header.spec = with_scorers(job.spec, data);
  header.identity = identity_of(header.spec, data.hashes, {kNumbersRevision, loaded_libtorch_version()});
  header.places = places_of(job, data);
  header.model = model_shape(job.config);
  header.n_samples = std::ssize(data.dataset.samples);
  header.skipped = without_scored_token(data.dataset.samples);
  header.bad_lines = data.dataset.bad_lines;
  header.truncated = data.dataset.truncated;
  header.found_thresholds = std::move(found);
  header.shard = shard;
  return header;
}

void check_and_tell(const JournalHeader& header) {
  const auto& spec = header.spec;
  for (const auto& warning : warnings_of(header, {})) log_warning(warning.text);
  for (const auto& bad : header.bad_lines)
    log_warning(spec.data_path + ":" + std::to_string(bad.line) + ": left out: " + bad.problem);
  if (header.n_samples == std::ssize(header.skipped))
    throw DataError(spec.data_path, 0,
                    "no sample has a token that is scored: each has less than two tokens, or scored ranges "
                    "that hold none");
  log_info(counted(header.n_samples, "sample") +
           (header.shard ? ", of which shard " + to_string(*header.shard) + " holds " +
                               std::to_string(n_samples_of(header.shard, header.n_samples))
                         : "") +
           ", " + counted(std::ssize(spec.methods), "instance") +
           (spec.protocol == ProtocolKind::kDecode ? "" : ", protocol " + to_string(spec.protocol)) +
           ", chunk_size " + std::to_string(spec.chunk_size) + ", " + to_string(*spec.dtype) + " on " +
           spec.device_type +
           (header.bad_lines.empty()
                ? ""
                : ", " + counted(std::ssize(header.bad_lines), "bad line") + " left out"));
}

}  // namespace kvcompare
