#include "launch/commands/models_command.h"

#include "launch/command_line/wrapped_text.h"
#include "worker/checkpoint/families/family.h"

namespace kvcompare {
namespace {

constexpr std::size_t kColumn = 16;

std::string family_text(const Family& family) {
  std::string keys;
  for (const auto& key : keys_of(family)) keys += (keys.empty() ? "" : ", ") + key;
  std::string text = std::string(family.model_type) + "\n";
  text += labelled("models", family.models, kColumn);
  text += labelled("architecture", family.architecture, kColumn);
  text += labelled("keys", keys, kColumn);
  if (!family.refused.empty()) text += labelled("refused", family.refused, kColumn);
  return text;
}

}  // namespace

std::string models_text() {
  std::string text =
      "Families of models, by model_type of config.json. kvcompare computes each as transformers 5.23\n"
      "does: every key below is read, and takes the default of transformers where it is missing. A key\n"
      "of another family that would change numbers is refused by its name, and so is what a family says\n"
      "under `refused`. All families take RoPE of the types default, linear, llama3, yarn, dynamic and\n"
      "longrope (rope_scaling, or rope_parameters), but phi3 only default and longrope. Where some layers\n"
      "slide and others do not, methods evict in the others alone. Refused for all: quantised weights,\n"
      "adapters beside the weights, and models that are not causal.\n";
  for (const auto& family : families()) text += "\n" + family_text(family);
  return text;
}

}  // namespace kvcompare
