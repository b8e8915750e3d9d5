#include "common/files/hub_cache.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <vector>

#include "common/errors.h"
#include "common/files/expanded_path.h"
#include "common/path_on_disk.h"

namespace kvcompare {
namespace {

namespace fs = std::filesystem;

// A path that cannot be examined (a name too long, a folder without permission) counts as absent.
bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

// An unset variable and an empty one are the same. ~ and $VAR are expanded, as in huggingface_hub.
std::optional<fs::path> folder_from_environment(const char* variable) {
  const char* value = std::getenv(variable);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return fs::path(expanded_path(value, variable));
}

// Source: huggingface_hub/constants.py
fs::path hub_cache_folder() {
  if (const auto folder = folder_from_environment("HF_HUB_CACHE")) return *folder;
  if (const auto folder = folder_from_environment("HUGGINGFACE_HUB_CACHE")) return *folder;
  if (const auto folder = folder_from_environment("HF_HOME")) return *folder / "hub";
  if (const auto folder = folder_from_environment("XDG_CACHE_HOME")) return *folder / "huggingface" / "hub";
  return folder_from_environment("HOME").value_or(".") / ".cache" / "huggingface" / "hub";
}

bool is_hub_id(const std::string& name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '/';
  };
  return !name.empty() && std::all_of(name.begin(), name.end(), allowed) &&
         std::count(name.begin(), name.end(), '/') <= 1 && name.front() != '/' && name.back() != '/' &&
         name.front() != '.' && name.find("..") == std::string::npos && name.find("--") == std::string::npos;
}

// The hub id in an address of the hub, such as https://huggingface.co/org/name/tree/main. Absent if there is
// none.
std::optional<std::string> id_in_address(std::string address) {
  for (const std::string scheme : {"https://", "http://"})
    if (address.starts_with(scheme)) address.erase(0, scheme.size());
  const auto host = address.find('/');
  if (host == std::string::npos) return std::nullopt;
  const auto name_of_host = address.substr(0, host);
  if (name_of_host != "huggingface.co" && name_of_host != "www.huggingface.co" && name_of_host != "hf.co")
    return std::nullopt;
  const auto organisation = address.find('/', host + 1);
  if (organisation == std::string::npos) return std::nullopt;
  const auto end = std::min(address.find_first_of("/?#", organisation + 1), address.size());
  const auto id = address.substr(host + 1, end - host - 1);
  return is_hub_id(id) ? std::optional(id) : std::nullopt;
}

// As git and the hub allow them, so that a path made of one stays in its folder.
bool is_revision(const std::string& name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '/' || c == '+';
  };
  return !name.empty() && std::ranges::all_of(name, allowed) && name.front() != '/' && name.back() != '/' &&
         name.front() != '.' && name.find("..") == std::string::npos && name.find("//") == std::string::npos;
}

// The whole number of a commit.
bool is_commit(const std::string& revision) {
  constexpr std::size_t kDigits = 40;
  return revision.size() == kDigits && revision.find_first_not_of("0123456789abcdef") == std::string::npos;
}

std::string cache_name(const std::string& hub_id) {  // "org/name" -> "models--org--name"
  std::string name = "models--" + hub_id;
  if (const std::size_t slash = name.find('/'); slash != std::string::npos) name.replace(slash, 1, "--");
  return name;
}

std::vector<fs::path> folders_in(const fs::path& folder) {
  std::vector<fs::path> folders;
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored))
    if (is_folder(entry.path())) folders.push_back(entry.path());
  std::sort(folders.begin(), folders.end());
  return folders;
}

bool has_weights(const fs::path& folder) {
  const auto is_weights = [](const fs::directory_entry& entry) {
    const fs::path extension = entry.path().extension();
    return (extension == ".safetensors" || extension == ".bin") &&
           can_be_seen(entry.path());  // false: dangling link
  };
  std::error_code ignored;
  return std::any_of(fs::directory_iterator(folder, ignored), fs::directory_iterator(), is_weights);
}

std::string list_of(const std::vector<fs::path>& folders) {
  std::string list;
  for (const fs::path& folder : folders) list += "\n  " + folder.string();
  return list;
}

class CachedModel {
 public:
  CachedModel(const std::string& flag, const HubName& name)
      : flag_(flag),
        hub_id_(name.id),
        revision_(name.revision),
        folder_(hub_cache_folder() / cache_name(name.id)) {}

  fs::path resolve() const {
    if (!is_folder(folder_))
      fail("is no folder here, and not in the Hugging Face cache: " + folder_.string() + " is not there");
    const fs::path snapshot = find_snapshot();
    if (!can_be_seen(snapshot / "config.json"))
      fail("is not complete in the Hugging Face cache: " + snapshot.string() + " holds no config.json");
    if (!has_weights(snapshot))
      fail("is not complete in the Hugging Face cache: " + snapshot.string() +
           " holds no weights (*.safetensors)");
    return snapshot;
  }

 private:
  fs::path find_snapshot() const {
    const fs::path snapshots = folder_ / "snapshots";
    if (is_commit(revision_)) {
      if (!is_folder(snapshots / revision_))
        fail("is in the Hugging Face cache, but not its commit " + revision_ + ": " + snapshots.string() +
             " holds" + (folders_in(snapshots).empty() ? " nothing" : list_of(folders_in(snapshots))));
      return snapshots / revision_;
    }
    const std::string name = revision_.empty() ? "main" : revision_;
    if (std::ifstream ref(folder_ / "refs" / name); ref && !is_folder(folder_ / "refs" / name)) {
      std::string commit;
      ref >> commit;
      const fs::path snapshot = snapshots / commit;
      if (commit.empty() || fs::path(commit).filename() != commit || !is_folder(snapshot))
        fail("is not complete in the Hugging Face cache: refs/" + name + " names " + snapshot.string() +
             ", which is not there");
      return snapshot;
    }
    if (!revision_.empty())
      fail("is in the Hugging Face cache, but not its revision '" + revision_ +
           "': " + (folder_ / "refs" / revision_).string() +
           " is not there; expected a branch, a tag, or all 40 digits of a commit");
    const std::vector<fs::path> found = folders_in(snapshots);
    if (found.empty())
      fail("is not complete in the Hugging Face cache: " + snapshots.string() + " holds no snapshot");
    if (found.size() > 1) {
      fail(
          "is in the Hugging Face cache in several snapshots, and refs/main does not say which; give one of "
          "these "
          "folders instead:" +
          list_of(found));
    }
    return found.front();
  }

  [[noreturn]] void fail(const std::string& problem) const {
    throw ConfigError(flag_, "'" + hub_id_ + "' " + problem + "\nTo download it: hf download " + hub_id_ +
                                 (revision_.empty() ? "" : " --revision " + revision_) +
                                 "\n(the hf command comes with: pip install huggingface_hub)");
  }

  const std::string& flag_;
  const std::string hub_id_, revision_;
  const fs::path folder_;
};

[[noreturn]] void no_config(const std::string& flag, const fs::path& folder) {
  const std::string place = "the folder '" + folder.string() + "' ";
  const bool holds_snapshots = is_folder(folder / "snapshots");
  const bool is_snapshots = folder.filename() == "snapshots";
  const auto snapshots = folders_in(holds_snapshots ? folder / "snapshots" : folder);
  if ((holds_snapshots || is_snapshots) && !snapshots.empty())
    throw ConfigError(flag, place +
                                "belongs to the Hugging Face cache and holds its model in snapshots; give "
                                "one of these folders instead:" +
                                list_of(snapshots));
  if (can_be_seen(folder / "adapter_config.json"))
    throw ConfigError(flag, place +
                                "holds an adapter (adapter_config.json), not a model; merge the adapter into "
                                "its base model first (in Python: model.merge_and_unload(), then "
                                "save_pretrained(folder))");
  throw ConfigError(flag, place + "holds no config.json; expected a model folder as transformers saves it");
}

}  // namespace

fs::path resolve_model(const std::string& flag, const std::string& name) {
  if (is_folder(name)) {
    if (!can_be_seen(fs::path(name) / "config.json")) no_config(flag, name);
    return name;
  }
  if (can_be_seen(name))
    throw ConfigError(flag, "'" + name + "' is a file; expected a model folder or a hub id (org/name)");
  if (const auto id = id_in_address(name))
    throw ConfigError(flag, "'" + name + "' is an address of the hub; give the id in it: " + *id);
  const auto hub = hub_name(name);
  if (!is_hub_id(hub.id))
    throw ConfigError(flag,
                      "there is no folder '" + name + "'; expected a model folder or a hub id (org/name)");
  if (hub.id.size() < name.size() && !is_revision(hub.revision))
    throw ConfigError(flag, "'" + name + "': '" + hub.revision +
                                "' is no revision; expected a branch, a tag or a commit behind the @");
  return CachedModel(flag, hub).resolve();
}

HubName hub_name(const std::string& name) {
  const auto at = name.find('@');
  if (at == std::string::npos) return {.id = name, .revision = ""};
  return {.id = name.substr(0, at), .revision = name.substr(at + 1)};
}

}  // namespace kvcompare
