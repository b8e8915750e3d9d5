#include "launch/session/weight_sharing.h"

#include <algorithm>

#include "common/errors.h"
#include "common/files/sha256.h"
#include "common/log.h"
#include "launch/session/job.h"
#include "launch/session/workers.h"
#include "worker/checkpoint/checkpoint_files.h"

namespace kvcompare {
namespace {

SharingOffer offer_of(const RunSpec& spec, const RunOptions& options, const PlaceOnHost& place,
                      bool computes) {
  SharingOffer offer{.computes = computes, .is_first_of_host = place.index == 0};
  if (!computes || options.weight_broadcast == "off") return offer;
  try {
    const auto job = read_job(spec, options);
    if (job.engine != EngineKind::kGpu) return offer;
    offer.wants = true;
    if (n_ranks_on_device(job.devices, place) > 1)
      offer.why_not = "ranks share a GPU";
    else
      offer.why_not = why_no_nccl().value_or("");
    offer.checkpoint = sha256(sha256_of_file(job.model / "config.json") +
                              CheckpointFiles(job.model).layout_hash() + to_string(*job.spec.dtype));
  } catch (const Error& error) {
    offer.why_not = error.what();
  }
  return offer;
}

}  // namespace

std::string encode(const SharingOffer& offer) {
  const auto bit = [](bool value) { return value ? '1' : '0'; };
  return std::string{bit(offer.computes), bit(offer.is_first_of_host), bit(offer.wants)} + offer.checkpoint +
         '\n' + offer.why_not;
}

SharingOffer decode_offer(const std::string& text) {
  constexpr std::size_t kBits = 3;
  const auto end = text.find('\n');
  require(end != std::string::npos && end >= kBits, "a rank's offer is cut short");
  return {.computes = text[0] == '1',
          .is_first_of_host = text[1] == '1',
          .wants = text[2] == '1',
          .why_not = text.substr(end + 1),
          .checkpoint = text.substr(kBits, end - kBits)};
}

Sharing decide_sharing(std::span<const SharingOffer> offers) {
  Sharing sharing;
  const SharingOffer* first = nullptr;
  bool is_wanted = false, is_wanted_by_all = true, is_same = true;
  for (std::size_t rank = 0; rank < offers.size(); ++rank) {
    const auto& offer = offers[rank];
    if (!offer.computes) continue;
    if (!first) first = &offer;
    if (offer.is_first_of_host) sharing.readers.push_back(static_cast<int>(sharing.compute_ranks.size()));
    sharing.compute_ranks.push_back(static_cast<int>(rank));
    is_wanted = is_wanted || offer.wants;
    is_wanted_by_all = is_wanted_by_all && offer.wants;
    is_same = is_same && offer.checkpoint == first->checkpoint;
    if (sharing.why_not.empty() && !offer.why_not.empty())
      sharing.why_not = "rank " + std::to_string(rank) + ": " + offer.why_not;
  }
  if (sharing.compute_ranks.size() < 2 || !is_wanted) {
    sharing.why_not.clear();
    return sharing;
  }
  if (sharing.why_not.empty() && !is_wanted_by_all) sharing.why_not = "not every rank computes on a GPU";
  if (sharing.why_not.empty() && !is_same) sharing.why_not = "not every host sees the same model";
  sharing.is_agreed = sharing.why_not.empty();
  return sharing;
}

std::optional<NcclPlace> agree_on_sharing(const MpiEnvironment& mpi, const RunSpec& spec,
                                          const RunOptions& options, const PlaceOnHost& place,
                                          bool computes) {
  std::vector<SharingOffer> offers;
  for (const auto& text : mpi.all_gather(encode(offer_of(spec, options, place, computes))))
    offers.push_back(decode_offer(text));
  const auto sharing = decide_sharing(offers);
  const auto& ranks = sharing.compute_ranks;
  if (!sharing.is_agreed) {
    if (mpi.rank() == 0 && !sharing.why_not.empty())
      log_info("each rank reads the weights for itself: " + sharing.why_not);
    return std::nullopt;
  }
  NcclId id{};  // zeros: the first rank could not make one
  if (mpi.rank() == ranks.front()) id = make_nccl_id().value_or(NcclId{});
  mpi.broadcast(id, ranks.front());
  if (id == NcclId{} || !computes) return std::nullopt;
  return NcclPlace{.id = id,
                   .n_ranks = static_cast<int>(ranks.size()),
                   .rank = static_cast<int>(std::ranges::find(ranks, mpi.rank()) - ranks.begin()),
                   .readers = sharing.readers};
}

}  // namespace kvcompare
