// Lets the ranks of a run agree whether they share the reading of weights: one rank on each host reads, and
// NCCL sends the weights to all. They agree over MPI before any rank loads, so that no rank waits in NCCL for
// one that does not come.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/messages/mpi_environment.h"
#include "common/run/run_options.h"
#include "common/run/run_spec.h"
#include "worker/weights/nccl_broadcast.h"

namespace kvcompare {

// What a rank tells the others about itself.
struct SharingOffer {
  bool computes = false;
  bool is_first_of_host = false;  // the first computing rank of its host
  bool wants = false;             // it computes on a GPU, and --weight_broadcast is not off
  std::string why_not{};          // why it cannot share; empty if it can
  std::string checkpoint{};       // SHA-256 over what must be the same on all ranks: config.json, tensors,
                                  // dtype
};

std::string encode(const SharingOffer& offer);
SharingOffer decode_offer(const std::string& text);

// What every rank concludes from the offers.
struct Sharing {
  bool is_agreed = false;
  std::string why_not;             // why weights are not shared although a rank wants it; else empty
  std::vector<int> compute_ranks;  // MPI ranks, ascending
  std::vector<int> readers;        // indices into compute_ranks: the first of each host
};

//   offers : by MPI rank
Sharing decide_sharing(std::span<const SharingOffer> offers);

// Collective over all ranks; waits for MPI only. Returns this rank's place in a communicator of NCCL, or
// nothing if the rank reads for itself. Errors that stop a rank (no GPU, a bad model) are not reported here;
// the rank reports them when it loads.
std::optional<NcclPlace> agree_on_sharing(const MpiEnvironment& mpi, const RunSpec& spec,
                                          const RunOptions& options, const PlaceOnHost& place, bool computes);

}  // namespace kvcompare
