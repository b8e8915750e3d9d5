#include "worker/gpu/memory_plan.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "common/errors.h"
#include "common/run/dtype.h"
#include "common/run/method_parameters.h"
#include "presses/registry.h"
#include "presses/schedule/drifting_plan.h"
#include "presses/schedule/observing_plan.h"
#include "worker/devices/device.h"
#include "worker/gpu/drifting_buffers.h"
#include "worker/gpu/gpu_unit_buffers.h"
#include "worker/gpu/kernels/drifting_schedule_kernel.h"
#include "worker/gpu/kernels/observing_schedule_kernel.h"
#include "worker/gpu/observing_buffers.h"
#include "worker/model/weight_table.h"

namespace kvcompare {
namespace {

constexpr std::int64_t kMiB = std::int64_t{1} << 20;
constexpr std::int64_t kDouble = 8, kInt = 4;

// What libtorch gives cuBLAS for each stream on Hopper; less on others.
constexpr std::int64_t kCublasWorkspace = 32 * kMiB;
// Kernels that are loaded when first used, and what the allocator cannot use of its blocks. An estimate.
constexpr std::int64_t kReserve = kGiB;
// Its score, that score and its position in order, birth and death in two lists of moments, its death times.
constexpr std::int64_t kBytesOfRankedKey = 8 + 8 + 8 + 2 * 2 * 8 + 2 * 4;
constexpr std::int64_t kMostTokensAtOnce = 65536;  // what a crash may cost a worker

// With the plan's events and the rotations after them, which gpu_drifting_schedule.cpp copies to the device.
std::vector<MemoryPart> drifting_memory(const MemoryDemand& demand, const MethodSpec& method,
                                        const Chunking& chunking, const GaussianQueries& queries) {
  const auto& heads = heads_of(demand.decoder);
  const auto plan = drifting_plan(rule_of(method, chunking), sinks_of(method), chunking);
  const DriftingShape shape{.n_heads = heads.n_heads,
                            .n_kv_heads = heads.n_kv_heads,
                            .d_head = heads.head_dim,
                            .n_sink = sinks_of(method),
                            .n_features = n_drifting_features(heads.head_dim, queries.use_covariance)};
  auto parts = memory_of(drifting_buffers(shape, plan, chunking.n_tokens));
  const auto of_rotations = std::ssize(demand.decoder.ropes) * heads.head_dim * kDouble;
  parts.push_back({"events", std::ssize(plan.events) * (3 * kInt + of_rotations)});
  return parts;
}

std::vector<MemoryPart> observing_memory(const MemoryDemand& demand, const MethodSpec& method,
                                         const Chunking& chunking) {
  const auto& heads = heads_of(demand.decoder);
  const auto n_block_rows = std::min(most_observed_rows(heads.group()), chunking.n_tokens);
  const auto plan = observing_plan(rule_of(method, chunking), chunking, n_block_rows);
  return memory_of(observing_buffers(
      heads, {.n_block_rows = n_block_rows, .capacity = plan.capacity(), .type = scalar_type(demand.dtype)}));
}

std::vector<MemoryPart> schedule_memory(const MemoryDemand& demand, const MethodSpec& method,
                                        const Chunking& chunking) {
  const auto& heads = heads_of(demand.decoder);
  const auto n_tokens = chunking.n_tokens;
  const auto schedule = device_schedule(method);
  if (std::holds_alternative<KeepAllOnDevice>(schedule)) return {};
  if (std::holds_alternative<HostSchedule>(schedule))  // copies that lie as the host reads them
    return {{"states for the host",
             n_tokens * 2 * (heads.q_width() + heads.kv_width()) * bytes_of(demand.dtype)}};
  if (const auto* queries = std::get_if<GaussianQueries>(&schedule))
    return drifting_memory(demand, method, chunking, *queries);
  if (std::holds_alternative<MeanAttentionReceived>(schedule))
    return observing_memory(demand, method, chunking);
  // The others rank scores; those of all layers at once where scores do not depend on them.
  return {{"order of scores", demand.decoder.n_layers() * heads.n_kv_heads * n_tokens * kBytesOfRankedKey}};
}

// Where the context of a sample is not known: as much as the protocol may need with any. Keys are most if all
// of them are there at the one event of a prefill, and events are most if there is no context before them.
std::vector<MemoryPart> schedule_memory(const MemoryDemand& demand, const MethodSpec& method,
                                        std::int64_t n_tokens) {
  auto parts = schedule_memory(demand, method, Chunking{n_tokens, demand.chunk_size});
  if (demand.protocol.kind == ProtocolKind::kDecode) return parts;
  const auto of_prefill = schedule_memory(demand, method, Chunking{n_tokens, n_tokens});
  for (std::size_t i = 0; i < parts.size(); ++i)
    parts[i].bytes = std::max(parts[i].bytes, of_prefill[i].bytes);
  return parts;
}

std::int64_t streamed_bytes(const MemoryDemand& demand) {
  return n_streamed_numbers(demand.decoder) * bytes_of(demand.dtype);
}

}  // namespace

std::vector<MemoryPart> unit_memory(const MemoryDemand& demand, const MethodSpec& method,
                                    std::int64_t n_tokens, std::int64_t n_rows) {
  auto parts = memory_of(device_buffers(
      demand.decoder,
      {.n_tokens = n_tokens, .n_rows = std::min(n_rows, n_tokens), .type = scalar_type(demand.dtype)}));
  parts.push_back({"workspace of cuBLAS", kCublasWorkspace});
  for (auto& part : schedule_memory(demand, method, n_tokens)) parts.push_back(std::move(part));
  return parts;
}

std::int64_t pinned_bytes_of_unit(const Decoder& decoder, std::int64_t n_tokens) {
  return total(memory_of(host_buffers(decoder, {.n_tokens = n_tokens})));
}

MemoryPlan::MemoryPlan(MemoryDemand demand, const GpuMemory& memory, int n_sharing)
    : demand_(std::move(demand)), share_(std::min(memory.free_bytes, memory.total_bytes / n_sharing)) {
  const auto whole = n_decoder_numbers(demand_.decoder) * bytes_of(demand_.dtype);
  streams_ = demand_.max_weight_memory.value_or(whole) < whole;
  weight_bytes_ = (streams_ ? streamed_bytes(demand_) : whole) + demand_.scorer_bytes;
  bytes_for_units_ = share_ - kReserve - weight_bytes_;
  if (bytes_for_units_ > 0) return;
  const auto streamed = streamed_bytes(demand_);
  throw ConfigError("max_weight_memory",
                    "weights of " + gibibytes(weight_bytes_) + " GiB" +
                        (streams_ ? ", two layers at a time," : "") + " and " + gibibytes(kReserve) +
                        " GiB for libraries do not fit into the " + gibibytes(share_) +
                        " GiB of the GPU that this process may use" +
                        (streams_ ? "; use a GPU with more memory"
                                  : "; with --max_weight_memory " + std::to_string(streamed) +
                                        " they are streamed and take " + gibibytes(streamed) + " GiB"));
}

std::int64_t MemoryPlan::unit_bytes(const MethodSpec& method, std::int64_t n_tokens) const {
  return total(unit_memory(demand_, method, n_tokens, demand_.n_rows));
}

std::int64_t MemoryPlan::largest_unit(std::span<const MethodSpec> methods, std::int64_t n_tokens) const {
  std::int64_t largest = 0;
  for (const auto& method : methods) largest = std::max(largest, unit_bytes(method, n_tokens));
  return largest;
}

std::size_t MemoryPlan::n_together(std::span<const EngineTask> tasks) const {
  const auto most = std::min<std::size_t>(tasks.size(), kMostUnits);
  std::int64_t bytes = 0;
  for (std::size_t n = 0; n < most; ++n) {
    bytes += unit_bytes(*tasks[n].method, std::ssize(tasks[n].sample->ids));
    if (bytes > bytes_for_units_) return std::max<std::size_t>(n, 1);
  }
  return most;
}

std::int64_t MemoryPlan::n_tokens_at_once(std::span<const MethodSpec> methods) const {
  std::int64_t fits = 1, too_many = kMostTokensAtOnce / kMostUnits + 1;  // of one unit
  while (too_many - fits > 1) {
    const auto n = (fits + too_many) / 2;
    (kMostUnits * largest_unit(methods, n) <= bytes_for_units_ ? fits : too_many) = n;
  }
  return kMostUnits * fits;
}

std::string MemoryPlan::summary(std::span<const MethodSpec> methods, std::int64_t longest) const {
  const auto unit = largest_unit(methods, longest);
  const auto n_units = std::clamp<std::int64_t>(bytes_for_units_ / unit, 1, kMostUnits);
  return "memory of a GPU: weights " + gibibytes(weight_bytes_) + " GiB" + (streams_ ? " (streamed)" : "") +
         " + " + std::to_string(n_units) + (n_units == 1 ? " unit" : " units") + " in flight x " +
         gibibytes(unit) + " GiB at most (" + std::to_string(longest) + " tokens) + " + gibibytes(kReserve) +
         " GiB for libraries, of " + gibibytes(share_) + " GiB; " +
         gibibytes(n_units * pinned_bytes_of_unit(demand_.decoder, longest)) + " GiB of pinned memory" +
         (unit > bytes_for_units_ ? "; the longest sample may not fit" : "");
}

std::string MemoryPlan::sizes_of_unit(const MethodSpec& method, std::int64_t n_tokens,
                                      std::int64_t n_rows) const {
  return text_of(unit_memory(demand_, method, n_tokens, n_rows)) + " beside weights of " +
         gibibytes(weight_bytes_) + " GiB, of " + gibibytes(share_) + " GiB";
}

}  // namespace kvcompare
