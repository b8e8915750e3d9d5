#include "coordinator/reports/json_inputs.h"

#include <algorithm>
#include <string>
#include <vector>

#include "common/run/method_parameters.h"

namespace kvcompare {

OrderedJson json_inputs(const Comparison& comparison) {
  const auto& inputs = comparison.inputs;
  OrderedJson json = {{"model_sha256", inputs.model}, {"data_sha256", inputs.data}};
  if (!inputs.tokenizer.empty()) json["tokenizer_sha256"] = inputs.tokenizer;
  std::vector<std::string> scorers;
  for (const auto& method : comparison.methods)
    if (const auto hash = text_of_role(method.spec, ParameterRole::kHash);
        !hash.empty() && std::ranges::find(scorers, hash) == scorers.end())
      scorers.push_back(hash);
  if (scorers.size() == 1) json["kvzap_scorer_sha256"] = scorers.front();
  if (scorers.size() > 1) json["kvzap_scorer_sha256"] = scorers;
  return json;
}

}  // namespace kvcompare
