#include "worker/engine/reference_cache.h"

#include <iterator>

namespace kvcompare {

at::Tensor ReferenceCache::find(SampleIndex sample) {
  const auto place = places_.find(sample);
  if (place == places_.end()) return {};
  entries_.splice(entries_.begin(), entries_, place->second);
  return place->second->last_hidden;
}

void ReferenceCache::put(SampleIndex sample, const at::Tensor& last_hidden) {
  if (const auto place = places_.find(sample); place != places_.end()) forget(place->second);
  const auto bytes = static_cast<std::int64_t>(last_hidden.nbytes());
  if (bytes > max_bytes_) return;
  while (n_bytes_ + bytes > max_bytes_) forget(std::prev(entries_.end()));
  entries_.push_front({sample, last_hidden});
  places_[sample] = entries_.begin();
  n_bytes_ += bytes;
}

void ReferenceCache::forget(std::list<Entry>::iterator entry) {
  n_bytes_ -= static_cast<std::int64_t>(entry->last_hidden.nbytes());
  places_.erase(entry->sample);
  entries_.erase(entry);
}

}  // namespace kvcompare
