// Where a model lies on this machine.
#pragma once

#include <filesystem>
#include <string>

namespace kvcompare {

// `name` is a folder, or a Hugging Face hub id "org/name" looked up in the hub's cache on this machine
// (HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, HF_HOME, XDG_CACHE_HOME, ~/.cache, in this order), branch main.
// Nothing is downloaded. The folder holds a config.json. Throws ConfigError(flag) with the download command
// if there is none.
std::filesystem::path resolve_model(const std::string& flag, const std::string& name);

}  // namespace kvcompare
