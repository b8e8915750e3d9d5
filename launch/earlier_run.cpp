#include "launch/earlier_run.h"

#include <fstream>

#include <nlohmann/json.hpp>

#include "common/errors.h"
#include "launch/config_file.h"
#include "launch/flag_table.h"

namespace kvcompare {
namespace {

constexpr const char* kPlacesFile = "run.json";
constexpr const char* kResultsFile = "detailed_results.json";

}  // namespace

std::vector<GivenValue> flags_of_run(const std::filesystem::path& folder, const std::vector<Flag>& flags) {
  for (const auto* name : {kResultsFile, kPlacesFile})
    if (std::error_code error; !std::filesystem::exists(folder / name, error))
      throw ConfigError("rerun", folder.string() + " holds no " + name +
                                     "; give the --output_dir of a run that is complete");
  auto given = read_config_file(folder / kResultsFile, flags);
  const auto file = folder / kPlacesFile;
  try {
    std::ifstream stream(file);
    const auto report = nlohmann::json::parse(stream);
    for (const auto& [name, place] : report.at("paths").items()) {
      const Flag* flag = find_flag(flags, name);
      if (flag) given.push_back({flag, file.string() + ": paths." + name, place.get<std::string>()});
    }
  } catch (const nlohmann::json::exception& error) {
    throw ConfigError(file.string(),
                      std::string("does not say in `paths` where model and data were: ") + error.what());
  }
  return given;
}

}  // namespace kvcompare
