#include "worker/weights/weight_loader.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/ops/aminmax.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/ones.h>
#include <c10/core/StreamGuard.h>

#include "common/errors.h"
#include "common/files/sha256.h"
#include "worker/checkpoint/tensor_loading.h"
#include "worker/weights/weight_checksum.h"

namespace kvcompare {
namespace {

std::vector<int> readers_of(const WeightBroadcast* broadcast) {
  if (!broadcast) return {0};
  const auto readers = broadcast->readers();
  require(!readers.empty(), "nobody reads the weights");
  return {readers.begin(), readers.end()};
}

}  // namespace

WeightLoader::WeightLoader(const CheckpointFiles& files, const at::Device& device, WeightBroadcast* broadcast,
                           std::int64_t slice_bytes)
    : files_(files),
      device_(device),
      broadcast_(broadcast),
      slice_bytes_(slice_bytes),
      readers_(readers_of(broadcast)),
      rank_(broadcast ? broadcast->rank() : 0),
      stream_(new_stream(device)) {
  const c10::StreamGuard guard(stream_);
  for (std::size_t i = 0; i < 2 * readers_.size(); ++i) in_flight_.emplace_back(device);
  if (std::ranges::find(readers_, rank_) == readers_.end()) return;
  for (int i = 0; i < 2; ++i)
    buffers_.push_back(
        at::empty({slice_bytes}, at::TensorOptions().dtype(at::kByte).pinned_memory(!device.is_cpu())));
}

void WeightLoader::load(const std::string& name, const at::Tensor& target, std::int64_t first_number) {
  const auto* file = files_.find(name);
  require(file != nullptr && target.is_contiguous(), "weights are loaded that were not looked for");
  const c10::StreamGuard guard(stream_);
  const auto* entry = file->find(name);
  const auto element_bytes = std::max(c10::elementSize(stored_type(*entry, file->path().string())),
                                      static_cast<std::size_t>(target.element_size()));
  const auto n_in_slice = slice_bytes_ / static_cast<std::int64_t>(element_bytes);
  const auto flat = target.view({-1});
  loaded_.push_back({name, target.scalar_type(), at::ones({}, target.options().dtype(at::kBool)), {}});
  for (std::int64_t first = 0; first < flat.numel(); first += n_in_slice)
    load_slice(*file, *entry, first_number + first,
               flat.narrow(0, first, std::min(n_in_slice, flat.numel() - first)));
  loaded_.back().checksum = weight_checksum(flat);
}

// The host is at most two slices of each reader ahead of the device. So a reader reads one slice while
// another one is being copied, and nobody waits for longer than that.
void WeightLoader::load_slice(const SafetensorsFile& file, const SafetensorsEntry& entry, std::int64_t first,
                              const at::Tensor& target) {
  auto& is_done = in_flight_[n_slices_ % in_flight_.size()];
  wait_for(is_done);
  const int reader = readers_[n_slices_ % readers_.size()];
  if (reader == rank_) read(file, entry, first, target, buffers_[n_slices_ / readers_.size() % 2]);
  if (broadcast_)
    broadcast_->broadcast(target.mutable_data_ptr(), static_cast<std::int64_t>(target.nbytes()), reader,
                          stream_);
  const auto [least, most] = at::aminmax(target);  // if there is a NaN, both are NaN
  loaded_.back().is_finite.logical_and_(at::isfinite(least)).logical_and_(at::isfinite(most));
  is_done.record(stream_);
  ++n_slices_;
}

void WeightLoader::read(const SafetensorsFile& file, const SafetensorsEntry& entry, std::int64_t first,
                        const at::Tensor& target, const at::Tensor& buffer) {
  const auto type = stored_type(entry, file.path().string());
  const auto size = static_cast<std::int64_t>(c10::elementSize(type));
  const auto bytes = buffer.narrow(0, 0, target.numel() * size);
  const auto& reader = open_.try_emplace(&file, file.path()).first->second;
  reader.read(file.offset(entry) + static_cast<std::uint64_t>(first * size),
              {static_cast<std::byte*>(bytes.mutable_data_ptr()), bytes.nbytes()});
  const auto stored = bytes.view(type);
  if (type == target.scalar_type()) {
    target.copy_(stored, /*non_blocking=*/true);
  } else {
    const auto on_device = at::empty(target.sizes(), target.options().dtype(type));
    on_device.copy_(stored, /*non_blocking=*/true);
    target.copy_(on_device);
  }
}

void WeightLoader::wait_for(const StreamEvent& event) {
  if (broadcast_)
    broadcast_->wait_until([&] { return event.is_past(); });
  else
    event.wait();
}

void WeightLoader::finish() {
  for (const auto& slice : in_flight_) wait_for(slice);
  StreamEvent end(device_);
  end.record(stream_);
  wait_for(end);
  const c10::StreamGuard guard(stream_);
  for (auto& tensor : loaded_) {
    if (!tensor.is_finite.item<bool>()) refuse(tensor);
    tensor.checksum = tensor.checksum.cpu();
  }
}

// Reads the tensor from its file again. If the file holds the NaN or infinity, this throws and names the
// element. Otherwise the copy on the device is wrong.
void WeightLoader::refuse(const Loaded& tensor) const {
  const auto& file = *files_.find(tensor.name);
  load_tensor(file, tensor.name, tensor.dtype, at::kCPU);
  throw CheckpointError(file.path().string(), tensor.name,
                        "holds a NaN or infinity on " + device_.str() +
                            ", but not in the file: it was read or sent wrongly, or the memory is faulty");
}

std::string WeightLoader::hash() const {
  Sha256 hash;
  for (const auto& tensor : loaded_) {
    const auto* sums = tensor.checksum.const_data_ptr<std::int64_t>();
    hash.add(std::string(c10::toString(tensor.dtype)) + " " + tensor.name + " " + std::to_string(sums[0]) +
             " " + std::to_string(sums[1]) + "\n");
  }
  return hash.hex();
}

}  // namespace kvcompare
