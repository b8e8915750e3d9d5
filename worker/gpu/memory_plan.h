// What a run needs of a GPU's memory: arithmetic on the table of weights, and on the tables of the buffers
// that units and schedules allocate. Nothing here asks a device, and nothing here changes a number.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/run/dtype.h"
#include "common/run/method_spec.h"
#include "worker/devices/cuda_gpus.h"
#include "worker/engine/engine.h"
#include "worker/gpu/memory_part.h"
#include "worker/model/decoder.h"

namespace kvcompare {

inline constexpr std::int64_t kGpuBlockRows = 8192;  // that the GPU engine computes at once

struct MemoryDemand {
  Decoder decoder;
  Dtype dtype = Dtype::kBFloat16;
  std::int64_t chunk_size = 1;
  std::int64_t n_rows = kGpuBlockRows;            // GpuEngineOptions::n_rows
  std::int64_t scorer_bytes = 0;                  // of kvzap's surrogate, if the run has it
  std::optional<std::int64_t> max_weight_memory;  // bytes; layers are streamed if the weights are more
};

// Of one unit on the GPU. n_rows: of the blocks that it is cut into.
std::vector<MemoryPart> unit_memory(const MemoryDemand& demand, const MethodSpec& method,
                                    std::int64_t n_tokens, std::int64_t n_rows);

// Of one unit in pinned memory of the host: what is copied back.
std::int64_t pinned_bytes_of_unit(const Decoder& decoder, std::int64_t n_tokens);

class MemoryPlan {
 public:
  static constexpr int kMostUnits = 8;  // at once; this many keep the device busy while some of them run
                                        // schedules

  //   memory    : of the GPU, without the weights
  //   n_sharing : ranks on the GPU; each gets an equal part
  // Throws ConfigError("max_weight_memory") if the weights do not fit.
  MemoryPlan(MemoryDemand demand, const GpuMemory& memory, int n_sharing);

  std::int64_t weight_bytes() const { return weight_bytes_; }  // on the GPU at once
  bool streams() const { return streams_; }
  std::int64_t bytes_for_units() const { return bytes_for_units_; }

  // How many of the first tasks pass the layers together: as many as fit, and at most kMostUnits. Returns at
  // least 1, even if that unit does not fit.
  std::size_t n_together(std::span<const EngineTask> tasks) const;

  // For Engine::n_tokens_at_once, before any sample is known: how many tokens fit in kMostUnits units of one
  // length.
  std::int64_t n_tokens_at_once(std::span<const MethodSpec> methods) const;

  // The line for the log before the run.
  //   longest : tokens of the longest sample
  std::string summary(std::span<const MethodSpec> methods, std::int64_t longest) const;

  // For the message of a unit that fails because memory does not suffice: the parts of its memory, and what
  // else is on the GPU.
  std::string sizes_of_unit(const MethodSpec& method, std::int64_t n_tokens, std::int64_t n_rows) const;

 private:
  std::int64_t unit_bytes(const MethodSpec& method, std::int64_t n_tokens) const;
  std::int64_t largest_unit(std::span<const MethodSpec> methods, std::int64_t n_tokens) const;

  MemoryDemand demand_;
  std::int64_t share_;  // of the GPU, for this rank
  bool streams_;
  std::int64_t weight_bytes_;  // kvzap's surrogate included
  std::int64_t bytes_for_units_;
};

}  // namespace kvcompare
