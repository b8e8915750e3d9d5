#include "worker/model/rotation_tables.h"

#include "common/errors.h"

namespace kvcompare {

RotationTables::RotationTables(const Decoder& decoder, at::ScalarType type, const c10::Device& device)
    : decoder_(decoder), type_(type), device_(device) {}

void RotationTables::reach(std::int64_t n_tokens) {
  auto& tables = tables_[length_of_ropes(decoder_, n_tokens)];
  if (n_tokens <= tables.n_positions) return;
  if (tables.ropes.empty()) tables.ropes = ropes_of(decoder_, n_tokens);
  const auto converted = [&](const Rotation& r) -> Rotation {
    return {r.cos.to(type_).to(device_), r.sin.to(type_).to(device_)};
  };
  tables.rotations.resize(tables.ropes.size());
  for (std::size_t r = 0; r < tables.ropes.size(); ++r) {
    const auto of_keys = tables.ropes[r].at(0, n_tokens);
    const auto of_queries = tables.ropes[r].for_queries(of_keys, 0);
    auto& rotation = tables.rotations[r];
    rotation.k = converted(of_keys);
    rotation.q = of_queries.cos.is_same(of_keys.cos) ? rotation.k : converted(of_queries);
  }
  tables.n_positions = n_tokens;
}

void RotationTables::forget_lengths() {
  std::erase_if(tables_, [](const auto& entry) { return entry.first != 0; });
}

const RotationTables::Tables& RotationTables::tables(std::int64_t n_tokens) const {
  const auto found = tables_.find(length_of_ropes(decoder_, n_tokens));
  require(found != tables_.end(), "the tables of a sample's length are made before they are read");
  return found->second;
}

}  // namespace kvcompare
