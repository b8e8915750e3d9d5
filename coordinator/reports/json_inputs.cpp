#include "coordinator/reports/json_inputs.h"

namespace kvcompare {

OrderedJson json_inputs(const InputHashes& inputs) {
  OrderedJson json = {{"model_sha256", inputs.model}, {"data_sha256", inputs.data}};
  if (!inputs.tokenizer.empty()) json["tokenizer_sha256"] = inputs.tokenizer;
  if (!inputs.scorer.empty()) json["kvzap_scorer_sha256"] = inputs.scorer;
  return json;
}

}  // namespace kvcompare
