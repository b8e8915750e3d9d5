#include "coordinator/same_numerics.h"

#include <algorithm>

#include "common/errors.h"

namespace kvcompare {

SameNumerics::SameNumerics(const std::vector<Numerics>& known, MixedHardware mixed) : mixed_(mixed) {
  for (const auto& numerics : known) known_.push_back({numerics, "the machine that the run was begun on"});
}

SameNumerics::Admitted SameNumerics::admit(Rank from, const Hello& hello) {
  const auto same = std::ranges::find(known_, hello.numerics, &Known::numerics);
  const auto place = static_cast<int>(same - known_.begin());
  if (same != known_.end()) return {place, false};
  const auto name = "worker " + std::to_string(from.value) + " on " + hello.host;
  if (!known_.empty() && mixed_ == MixedHardware::kRefuse) {
    std::string text = name + " computes with other arithmetic than " + known_.front().whose +
                       ", so the last bits of its numbers would differ:";
    for (const auto& line : differences(hello.numerics, known_.front().numerics)) text += "\n  " + line;
    throw ConfigError("allow_mixed_hardware",
                      text +
                          "\nuse machines of one kind, with the same software and environment; or give "
                          "--allow_mixed_hardware: the results then say which arithmetic there was");
  }
  known_.push_back({hello.numerics, name});
  return {place, true};
}

}  // namespace kvcompare
