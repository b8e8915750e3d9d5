#include "coordinator/journal/growth.h"

#include <algorithm>
#include <set>

#include "common/errors.h"
#include "common/plural.h"
#include "common/run/instance_name.h"

namespace kvcompare {
namespace {

constexpr const char* kData = "data";
constexpr const char* kTokenizer = "tokenizer";
constexpr const char* kShard = "shard";

std::set<std::string> names_of(const RunSpec& spec) {
  std::set<std::string> names;
  for (const auto& method : spec.methods) names.insert(instance_name(method));
  return names;
}

struct FixedParts {
  Identity then;
  Identity now;
};

// A tokenizer that only one of them used says nothing: the samples that both have were token ids.
FixedParts fixed_parts(const JournalHeader& then, const JournalHeader& now) {
  FixedParts parts{fixed_part(then.identity), fixed_part(now.identity)};
  if (!parts.then.contains(kTokenizer)) parts.now.erase(kTokenizer);
  if (!parts.now.contains(kTokenizer)) parts.then.erase(kTokenizer);
  if (then.shard) parts.then[kShard] = to_string(*then.shard);
  if (now.shard) parts.now[kShard] = to_string(*now.shard);
  return parts;
}

void refuse_fewer_samples(const JournalHeader& then, const JournalHeader& now) {
  if (now.n_samples >= then.n_samples) return;
  throw ConfigError("resume", "the run has " + counted(then.n_samples, "sample") + ", and only " +
                                  std::to_string(now.n_samples) +
                                  " are asked for now; a run only grows: give a --max_samples of " +
                                  std::to_string(then.n_samples) +
                                  " or more and data with as many, or choose another --output_dir");
}

void refuse_missing(const JournalHeader& then, const JournalHeader& now) {
  const auto missing = missing_instances(then.spec, now.spec);
  if (missing.empty()) return;
  std::string text = "the run has instances that are not asked for now; a run only grows. Missing:";
  for (const auto& name : missing) text += "\n  " + name;
  throw ConfigError("resume",
                    text + "\ngive their methods and parameters too, or choose another --output_dir");
}

}  // namespace

bool asks_for_the_same(const JournalHeader& then, const JournalHeader& now) {
  return then.identity == now.identity && then.n_samples == now.n_samples && then.skipped == now.skipped &&
         then.bad_lines == now.bad_lines && then.truncated == now.truncated &&
         then.found_thresholds == now.found_thresholds;
}

bool has_same_fixed_part(const JournalHeader& then, const JournalHeader& now) {
  const auto parts = fixed_parts(then, now);
  return parts.then == parts.now;
}

std::vector<std::string> missing_instances(const RunSpec& then, const RunSpec& now) {
  const auto asked = names_of(now);
  std::vector<std::string> missing;
  for (const auto& method : then.methods)
    if (auto name = instance_name(method); !asked.contains(name)) missing.push_back(std::move(name));
  return missing;
}

void refuse_other_run(const JournalHeader& then, const JournalHeader& now, const std::string& data_as_then,
                      const BegunWith& begun) {
  auto [was, is] = fixed_parts(then, now);
  if (now.n_samples >= then.n_samples) {
    was[kData] = then.identity.at(kData);
    is[kData] = data_as_then;
  }
  refuse_drift(was, is, begun);
  refuse_fewer_samples(then, now);
  refuse_missing(then, now);
}

}  // namespace kvcompare
