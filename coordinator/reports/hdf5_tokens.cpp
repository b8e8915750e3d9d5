#include "coordinator/reports/hdf5_tokens.h"

#include <span>
#include <vector>

namespace kvcompare {

void put_hdf5_tokens(Hdf5File& file, const Comparison& comparison, const ReadTokens& read_tokens) {
  if (!comparison.spec.save_tokens) return;
  file.add_group("/tokens");
  auto ids = file.add_integers("/tokens/ids", {}, "token id");
  std::vector<std::int64_t> samples, offsets{0};
  for (std::int64_t s = 0; s < comparison.n_samples; ++s) {
    const auto tokens = read_tokens(SampleIndex(s));
    if (!tokens) continue;
    ids.append(std::span<const std::int64_t>(tokens->ids));
    samples.push_back(s);
    offsets.push_back(offsets.back() + std::ssize(tokens->ids));
  }
  ids.close();
  file.put_integers("/tokens/sample", "index", samples);
  file.put_integers("/tokens/offsets", "index", offsets);
}

}  // namespace kvcompare
