// Whether the ranks of a run share the reading of weights: one a host reads, NCCL brings them to all. Agreed
// over MPI before any rank loads, so that nobody waits in NCCL for a rank that does not come.
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

// What a rank tells the others of itself.
struct SharingOffer {
  bool computes = false;
  bool is_first_of_host = false;  // of those that compute
  bool wants = false;             // it is to compute on a GPU, and --weight_broadcast is not off
  std::string why_not{};          // that cannot be for it; empty: it can
  std::string checkpoint{};       // SHA-256 over what has to be the same: config.json, tensors, dtype
};

std::string encode(const SharingOffer& offer);
SharingOffer decode_offer(const std::string& text);

// What each of them concludes.
struct Sharing {
  bool is_agreed = false;
  std::string why_not;             // if a rank wants it; else empty
  std::vector<int> compute_ranks;  // ranks of MPI, ascending
  std::vector<int> readers;        // positions in compute_ranks: the first of each host
};

// offers: by rank of MPI.
Sharing decide_sharing(std::span<const SharingOffer> offers);

// Collective over all ranks, and waits for nothing but MPI. This rank's place in a communicator of NCCL, or
// absent: it reads for itself. What keeps a rank from starting at all is not told here but when it starts.
std::optional<NcclPlace> agree_on_sharing(const MpiEnvironment& mpi, const RunSpec& spec,
                                          const RunOptions& options, const PlaceOnHost& place, bool computes);

}  // namespace kvcompare
