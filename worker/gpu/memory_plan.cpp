#include "worker/gpu/memory_plan.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <numeric>
#include <utility>
#include <variant>

#include "common/errors.h"
#include "common/run/dtype_bytes.h"
#include "common/run/method_parameters.h"
#include "presses/registry.h"
#include "presses/schedule/drifting_plan.h"
#include "presses/schedule/observing_plan.h"
#include "worker/gpu/kernels/drifting_schedule_kernel.h"
#include "worker/gpu/kernels/observing_schedule_kernel.h"

namespace kvcompare {
namespace {

constexpr std::int64_t kMiB = std::int64_t{1} << 20;
constexpr std::int64_t kGiB = std::int64_t{1} << 30;
constexpr std::int64_t kFloat = 4, kDouble = 8, kInt = 4, kLong = 8;

// What libtorch gives cuBLAS for each stream on Hopper; less on others.
constexpr std::int64_t kCublasWorkspace = 32 * kMiB;
// Kernels that are loaded when first used, and what the allocator cannot use of its blocks. An estimate.
constexpr std::int64_t kReserve = kGiB;
// Its score, that score and its position in order, birth and death in two lists of moments, its death times.
constexpr std::int64_t kBytesOfRankedKey = 8 + 8 + 8 + 2 * 2 * 8 + 2 * 4;
constexpr std::int64_t kMostTokensAtOnce = 65536;  // what a crash may cost a worker

std::string gibibytes(std::int64_t bytes) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f", static_cast<double>(bytes) / static_cast<double>(kGiB));
  return text.data();
}

// As worker/gpu/gpu_drifting_schedule allocates it.
std::vector<MemoryPart> drifting_memory(const MemoryDemand& demand, const MethodSpec& method,
                                        const Chunking& chunking, const GaussianQueries& queries) {
  const auto& c = demand.config;
  const auto plan = drifting_plan(method.policy, sinks_of(method), chunking);
  const auto n_places = c.n_kv_heads * plan.capacity(), n_rows = c.n_heads * kMostEventsInBlock;
  const auto n_features = n_drifting_features(c.head_dim, queries.use_covariance);
  const auto n_events = std::ssize(plan.events);
  return {
      {"products of key channels", n_places * n_features * kFloat},
      {"query statistics", n_rows * n_features * kFloat + c.n_heads * (n_features + c.head_dim) * kDouble +
                               n_rows * (kFloat + kDouble)},
      {"scores", n_rows * plan.capacity() * kFloat},
      {"keys that may be evicted",
       n_places * (kInt + 2 * kFloat) +
           c.n_kv_heads * (plan.n_evictions() * kInt + chunking.n_tokens * kFloat)},
      {"events", n_events * (3 * kInt + c.head_dim * kDouble)}};
}

// As worker/gpu/gpu_observing_schedule allocates it.
std::vector<MemoryPart> observing_memory(const MemoryDemand& demand, const MethodSpec& method,
                                         const Chunking& chunking) {
  const auto& c = demand.config;
  const auto n_block_rows = std::min(most_observed_rows(c.n_heads / c.n_kv_heads), chunking.n_tokens);
  const auto plan = observing_plan(method.policy, sinks_of(method), chunking, n_block_rows);
  const auto n_columns = c.n_kv_heads * plan.capacity(), n_rows = c.n_heads * n_block_rows;
  return {{"attention logits and weights", n_rows * (2 * plan.capacity() * kFloat + kDouble)},
          {"attention received", n_columns * (kDouble + kInt)},
          {"gathered keys and queries", (n_columns + n_rows) * c.head_dim * bytes_of(demand.dtype)}};
}

std::vector<MemoryPart> schedule_memory(const MemoryDemand& demand, const MethodSpec& method,
                                        std::int64_t n_tokens) {
  const auto& c = demand.config;
  const Chunking chunking{n_tokens, demand.chunk_size};
  const auto schedule = device_schedule(method);
  if (std::holds_alternative<KeepAllOnDevice>(schedule)) return {};
  if (std::holds_alternative<HostSchedule>(schedule))  // copies that lie as the host reads them
    return {{"states for the host",
             n_tokens * (2 * c.n_heads + 2 * c.n_kv_heads) * c.head_dim * bytes_of(demand.dtype)}};
  if (const auto* queries = std::get_if<GaussianQueries>(&schedule))
    return drifting_memory(demand, method, chunking, *queries);
  if (std::holds_alternative<MeanAttentionReceived>(schedule))
    return observing_memory(demand, method, chunking);
  // The others rank scores; those of all layers at once where scores do not depend on them.
  return {{"order of scores", c.n_layers * c.n_kv_heads * n_tokens * kBytesOfRankedKey}};
}

std::int64_t streamed_bytes(const MemoryDemand& demand) {
  const auto& c = demand.config;
  const auto layer = bytes_of_layer(c, demand.dtype);
  return bytes_of_weights(c, demand.dtype) - c.n_layers * layer + 2 * layer;
}

}  // namespace

std::int64_t total(std::span<const MemoryPart> parts) {
  return std::accumulate(parts.begin(), parts.end(), std::int64_t{0},
                         [](std::int64_t sum, const MemoryPart& part) { return sum + part.bytes; });
}

std::string text_of(std::span<const MemoryPart> parts) {
  std::string large;
  for (const auto& part : parts)
    if (part.bytes * 20 >= kGiB)
      large += (large.empty() ? "" : ", ") + part.name + " " + gibibytes(part.bytes);
  return gibibytes(total(parts)) + " GiB" + (large.empty() ? "" : " (" + large + ")");
}

std::int64_t bytes_of_layer(const ModelConfig& c, Dtype dtype) {
  const auto q = c.n_heads * c.head_dim, kv = c.n_kv_heads * c.head_dim;
  const auto qkv = q + 2 * kv;
  auto n = c.hidden_size * (qkv + q + 3 * c.intermediate_size) + 2 * c.hidden_size;
  if (c.qkv_bias) n += qkv;
  if (c.o_bias) n += c.hidden_size;
  if (c.mlp_bias) n += 2 * c.intermediate_size + c.hidden_size;
  if (c.qk_norm) n += 2 * c.head_dim;
  return n * bytes_of(dtype);
}

std::int64_t bytes_of_weights(const ModelConfig& c, Dtype dtype) {
  const auto n_embeddings = c.tied_embeddings ? 1 : 2;
  return (n_embeddings * c.vocab_size * c.hidden_size + c.hidden_size) * bytes_of(dtype) +
         c.n_layers * bytes_of_layer(c, dtype);
}

std::int64_t n_logit_rows(const ModelConfig& config, std::int64_t n_rows) {
  constexpr std::int64_t kTile = 128;  // what products like
  const auto fit = std::min(n_rows, n_rows * config.intermediate_size / config.vocab_size);
  return fit >= kTile ? fit / kTile * kTile : std::max<std::int64_t>(fit, 1);
}

std::int64_t n_wide_elements(const ModelConfig& config, std::int64_t n_rows) {
  return 2 * std::max(n_rows * config.intermediate_size, config.vocab_size);
}

std::vector<MemoryPart> unit_memory(const MemoryDemand& demand, const MethodSpec& method,
                                    std::int64_t n_tokens, std::int64_t n_rows) {
  const auto& c = demand.config;
  const auto e = bytes_of(demand.dtype);
  const auto rows = std::min(n_rows, n_tokens);
  const auto q = c.n_heads * c.head_dim, kv = c.n_kv_heads * c.head_dim;
  std::vector<MemoryPart> parts{{"residual stream", 3 * n_tokens * c.hidden_size * e},
                                {"states of the baseline", n_tokens * c.hidden_size * e},
                                {"queries, keys and values", n_tokens * ((q + 2 * kv) + (q + kv)) * e},
                                {"outputs of heads", n_tokens * q * e},
                                {"gate and up, or logits", n_wide_elements(c, rows) * e},
                                {"gated", rows * c.intermediate_size * e},
                                {"death times", 2 * c.n_kv_heads * n_tokens * kInt},
                                {"ids and numbers of tokens", n_tokens * (kLong + 4 * kFloat + 2 * kInt)},
                                {"workspace of cuBLAS", kCublasWorkspace}};
  for (auto& part : schedule_memory(demand, method, n_tokens)) parts.push_back(std::move(part));
  return parts;
}

std::int64_t pinned_bytes_of_unit(const ModelConfig& c, std::int64_t n_tokens) {
  return n_tokens * (c.n_layers * c.n_kv_heads * kInt + 4 * kFloat + 2 * kInt);
}

MemoryPlan::MemoryPlan(MemoryDemand demand, const GpuMemory& memory, int n_sharing)
    : demand_(std::move(demand)), share_(std::min(memory.free_bytes, memory.total_bytes / n_sharing)) {
  const auto whole = bytes_of_weights(demand_.config, demand_.dtype);
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
         gibibytes(n_units * pinned_bytes_of_unit(demand_.config, longest)) + " GiB of pinned memory" +
         (unit > bytes_for_units_ ? "; the longest sample may not fit" : "");
}

std::string MemoryPlan::sizes_of_unit(const MethodSpec& method, std::int64_t n_tokens,
                                      std::int64_t n_rows) const {
  return text_of(unit_memory(demand_, method, n_tokens, n_rows)) + " beside weights of " +
         gibibytes(weight_bytes_) + " GiB, of " + gibibytes(share_) + " GiB";
}

}  // namespace kvcompare
