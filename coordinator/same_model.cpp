#include "coordinator/same_model.h"

#include "common/errors.h"

namespace kvcompare {

void check_same_model(Rank from, const Hello& hello, const std::string& model) {
  if (hello.model == model) return;
  throw CheckpointError("model_name", "",
                        "worker " + std::to_string(from.value) + " on " + hello.host +
                            " has read another model (SHA-256 " + hello.model + ") than the coordinator (" +
                            model + "); every host must see the same files");
}

}  // namespace kvcompare
