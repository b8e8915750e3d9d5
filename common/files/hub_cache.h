// Finds the folder of a model on this machine.
#pragma once

#include <filesystem>
#include <string>

namespace kvcompare {

// `name` is a folder, or an id "org/name" of the Hugging Face hub, or "org/name@revision": a branch, a tag or
// the whole number of a commit; without one, the branch main. An id is looked up in the hub's cache on
// this machine (HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, HF_HOME, XDG_CACHE_HOME, ~/.cache, in this order).
// Nothing is downloaded. The folder returned holds a config.json. Throws ConfigError(flag), with
// the command that downloads the model, if there is none.
std::filesystem::path resolve_model(const std::string& flag, const std::string& name);

// "org/name" and "revision" of "org/name@revision"; the second is empty if there is none.
struct HubName {
  std::string id, revision;
};
HubName hub_name(const std::string& name);

}  // namespace kvcompare
