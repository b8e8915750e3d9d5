// Loads tensors of a checkpoint to a device. Slices of a tensor are read into two buffers of pinned memory in
// turn, copied from there on a stream of their own, and converted and checked on the device. If ranks share
// the reading, slice s is read by one of the readers, in turn, and broadcast to all ranks.
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
  //   files     : the same tensors on all ranks of the broadcast; must outlive the loader
  //   broadcast : null: this rank reads everything itself; must outlive the loader
  WeightLoader(const CheckpointFiles& files, const at::Device& device, WeightBroadcast* broadcast,
               std::int64_t slice_bytes = kSliceBytes);

  // The stream on which everything is queued. Other work queued on it runs between the tensors that are
  // loaded.
  const c10::Stream& stream() const { return stream_; }

  // Collective if there is a broadcast. Queues the loading of a tensor into `target`, which must be
  // contiguous, on the device, and of the dtype of the computation. The host waits for earlier slices, not
  // for this one. Throws CheckpointError if the file cannot be read.
  //   first : index of the tensor's number with which the target begins
  void load(const std::string& name, const at::Tensor& target, std::int64_t first = 0);

  // Waits for everything that was queued. Throws CheckpointError naming file and tensor if a tensor holds a
  // NaN or infinity, whether stored in the file or made by the conversion.
  void finish();

  // SHA-256 over dtypes, names and checksums of the tensors on the device, in the order of load(). To be
  // called after finish().
  std::string hash() const;

 private:
  struct Loaded {
    std::string name;
    at::ScalarType dtype;
    at::Tensor is_finite;  // bool, on the device
    at::Tensor checksum;   // [2], int64; on the device until finish()
  };

  //   first : index of the tensor's number with which the target begins
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
  std::vector<at::Tensor> buffers_;     // two buffers of bytes in pinned memory, on a reader only
  std::vector<StreamEvent> in_flight_;  // events of the last slices, in turn
  std::size_t n_slices_ = 0;
  std::vector<Loaded> loaded_;
};

}  // namespace kvcompare
