// Tensors of a checkpoint on their way to a device: read into two buffers of pinned memory in turn, copied
// from there on a stream of their own, converted and checked on the device. Where ranks share the reading,
// slice s is read by the s-th reader (in turn) and broadcast to all.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "worker/checkpoint/checkpoint_files.h"
#include "worker/checkpoint/file_reader.h"
#include "worker/devices/device_stream.h"
#include "worker/weights/weight_broadcast.h"

namespace kvcompare {

inline constexpr std::int64_t kSliceBytes = std::int64_t{64} << 20;

class WeightLoader {
 public:
  // files     : the same tensors on all ranks of the broadcast; outlives the loader
  // broadcast : null: this rank reads all; outlives the loader
  WeightLoader(const CheckpointFiles& files, const at::Device& device, WeightBroadcast* broadcast,
               std::int64_t slice_bytes = kSliceBytes);

  // On which everything is queued. What else is queued there comes between the tensors that are loaded.
  const c10::Stream& stream() const { return stream_; }

  // Collective where there is a broadcast. Queues the tensor of that name into `target`, which is contiguous,
  // on the device, and of the dtype of the computation. The host waits for slices before it, not for this
  // one. Throws CheckpointError if the file cannot be read.
  void load(const std::string& name, const at::Tensor& target);

  // Waits for all that was queued. Throws CheckpointError naming file and tensor if one holds a NaN or
  // infinity, be it stored or made by the conversion.
  void finish();

  // SHA-256 over dtypes, names and checksums of the tensors as they are on the device, in the order of
  // load(). After finish().
  std::string hash() const;

 private:
  struct Loaded {
    std::string name;
    at::ScalarType dtype;
    at::Tensor is_finite;  // bool, on the device
    at::Tensor checksum;   // [2], int64; on the device until finish()
  };

  // `first`: which of the tensor's numbers the target begins with.
  void load_slice(const SafetensorsFile& file, const SafetensorsEntry& entry, std::int64_t first,
                  const at::Tensor& target);
  void read(const SafetensorsFile& file, const SafetensorsEntry& entry, std::int64_t first,
            const at::Tensor& target, const at::Tensor& buffer);
  void wait_for(const StreamEvent& event);
  [[noreturn]] void refuse(const Loaded& tensor) const;

  const CheckpointFiles& files_;
  const at::Device device_;
  WeightBroadcast* const broadcast_;
  const std::int64_t slice_bytes_;
  const std::vector<int> readers_;  // ranks; {0} if there is no broadcast
  const int rank_;
  c10::Stream stream_;
  std::map<const SafetensorsFile*, FileReader> open_;
  std::vector<at::Tensor> buffers_;     // of a reader: two, of bytes in pinned memory
  std::vector<StreamEvent> in_flight_;  // of the last slices, in turn
  std::size_t n_slices_ = 0;
  std::vector<Loaded> loaded_;
};

}  // namespace kvcompare
