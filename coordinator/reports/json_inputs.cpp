#include "coordinator/reports/json_inputs.h"

#include <algorithm>
#include <string>
#include <vector>

#include "common/run/method_parameters.h"

namespace kvcompare {
namespace {

enum class What { kScorers, kScores };

// Of what the instances read, each once.
std::vector<std::string> hashes_of(const Comparison& comparison, What what) {
  std::vector<std::string> hashes;
  for (const auto& method : comparison.methods) {
    const auto* place = find_parameter(method.spec, ParameterRole::kPlace);
    if (!place || is_place_of_scores(place->name) != (what == What::kScores)) continue;
    const auto hash = text_of_role(method.spec, ParameterRole::kHash);
    if (!hash.empty() && std::ranges::find(hashes, hash) == hashes.end()) hashes.push_back(hash);
  }
  return hashes;
}

void put_hashes(OrderedJson& json, const char* name, const std::vector<std::string>& hashes) {
  if (hashes.size() == 1) json[name] = hashes.front();
  if (hashes.size() > 1) json[name] = hashes;
}

}  // namespace

OrderedJson json_inputs(const Comparison& comparison) {
  const auto& inputs = comparison.inputs;
  OrderedJson json = {{"model_sha256", inputs.model}, {"data_sha256", inputs.data}};
  if (!inputs.tokenizer.empty()) json["tokenizer_sha256"] = inputs.tokenizer;
  put_hashes(json, "kvzap_scorer_sha256", hashes_of(comparison, What::kScorers));
  put_hashes(json, "external_scores_sha256", hashes_of(comparison, What::kScores));
  return json;
}

}  // namespace kvcompare
