#include "common/cgroup.h"

#include <fstream>
#include <optional>
#include <sstream>
#include <system_error>

namespace kvcompare {
namespace {

namespace fs = std::filesystem;

struct Mount {
  fs::path root;  // the group that is seen at `point`
  fs::path point;
};

bool is_among(const std::string& list, const std::string& word) {
  std::istringstream words(list);
  for (std::string one; std::getline(words, one, ',');)
    if (one == word) return true;
  return false;
}

// A line of /proc/self/mountinfo: ID PARENT DEVICE ROOT POINT OPTIONS [FIELDS...] - TYPE SOURCE SUPER_OPTIONS
std::optional<Mount> mount_of(const std::string& controller, bool is_version_2, const fs::path& root) {
  std::ifstream lines(root / "proc/self/mountinfo");
  for (std::string line; std::getline(lines, line);) {
    const auto dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    std::istringstream front(line.substr(0, dash)), back(line.substr(dash + 3));
    std::string word, seen, point, type, source, options;
    front >> word >> word >> word >> seen >> point;
    back >> type >> source >> options;
    if (is_version_2 ? type == "cgroup2" : type == "cgroup" && is_among(options, controller))
      return Mount{seen, point};
  }
  return std::nullopt;
}

// Where `group` lies below the mount. A container may see its own group as the root of what is mounted.
fs::path folder_of(const fs::path& group, const Mount& mount, const fs::path& root) {
  const auto at = root / mount.point.relative_path();
  const auto below = group.lexically_relative(mount.root);
  if (below.empty() || *below.begin() == ".." || below == ".") return at;
  std::error_code error;
  return fs::is_directory(at / below, error) ? at / below : at;
}

}  // namespace

std::vector<fs::path> cgroups_of_this_process(const std::string& controller, const fs::path& root) {
  std::vector<fs::path> folders;
  std::ifstream lines(root / "proc/self/cgroup");
  for (std::string line;
       std::getline(lines, line);) {  // NUMBER:CONTROLLERS:GROUP; version 2 has no CONTROLLERS
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const auto controllers = line.substr(first + 1, second - first - 1);
    const bool is_version_2 = controllers.empty();
    if (!is_version_2 && !is_among(controllers, controller)) continue;
    const auto mount = mount_of(controller, is_version_2, root);
    if (!mount) continue;
    const auto top = root / mount->point.relative_path();
    for (auto folder = folder_of(line.substr(second + 1), *mount, root);; folder = folder.parent_path()) {
      folders.push_back(folder);
      if (folder == top) break;
    }
  }
  return folders;
}

}  // namespace kvcompare
