#include "worker/model/rotation_tables.h"

namespace kvcompare {

RotationTables::RotationTables(const Decoder& decoder, at::ScalarType type, const c10::Device& device)
    : type_(type), device_(device), ropes_(ropes_of(decoder)), tables_(ropes_.size()) {}

void RotationTables::reach(std::int64_t n_positions) {
  if (n_positions <= n_positions_) return;
  const auto converted = [&](const at::Tensor& x) { return x.to(type_).to(device_); };
  for (std::size_t r = 0; r < ropes_.size(); ++r) {
    const auto rotation = ropes_[r].at(0, n_positions);
    tables_[r] = {converted(rotation.cos), converted(rotation.sin)};
  }
  n_positions_ = n_positions;
}

}  // namespace kvcompare
