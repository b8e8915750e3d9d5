#include "launch/command_line/earlier_run.h"

#include <fstream>

#include <nlohmann/json.hpp>

#include "common/errors.h"
#include "common/run/method_parameters.h"
#include "launch/command_line/config_file.h"
#include "launch/command_line/flag_table.h"
#include "launch/command_line/press_flags.h"
#include "launch/command_line/replaced.h"

namespace kvcompare {
namespace {

constexpr const char* kPlacesFile = "run.json";
constexpr const char* kResultsFile = "detailed_results.json";

// The list of run.json with the places of a flag.
const char* list_of(const std::string& flag) {
  return is_place_of_scores(flag) ? "external_scores" : "kvzap_scorers";
}

void refuse_separators(const std::string& place, const std::string& flag, const char* separators,
                       const std::filesystem::path& file) {
  const auto at = place.find_first_of(separators);
  if (at == std::string::npos) return;
  throw ConfigError(
      file.string() + ": " + list_of(flag),
      "the folder '" + place + "' has a '" + place[at] +
          "' in its name, which separates values on the command line; run kvcompare anew with a --" + flag +
          " without it, for example a symbolic link");
}

// Results name a trained scorer by its hash. flag: the one that gives its place.
//   scorers : [{"sha256", "path"}], in the order of the instances
void put_scorers(const nlohmann::json& scorers, const std::filesystem::path& file, const Flag& flag,
                 std::vector<GivenValue>& given) {
  std::string places;
  for (const auto& scorer : scorers) {
    const auto name = hash_name(flag.name) + "=" + scorer.at("sha256").get<std::string>();
    const auto place = scorer.at("path").get<std::string>();
    refuse_separators(place, flag.name, ",", file);
    for (auto& value : given)
      if (value.flag->name == "methods" && value.text.find(name) != std::string::npos) {
        refuse_separators(place, flag.name, ":", file);
        value.text = replaced(value.text, name, flag.name + "=" + place);
      }
    places += (places.empty() ? "" : ",") + place;
  }
  if (!places.empty()) given.push_back({&flag, file.string() + ": " + list_of(flag.name), places});
}

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
    for (const auto& flag : place_flags())
      if (const auto* list = list_of(flag); report.contains(list))  // older runs know no scores
        put_scorers(report.at(list), file, *find_flag(flags, flag), given);
  } catch (const nlohmann::json::exception& error) {
    throw ConfigError(file.string(),
                      std::string("does not say in `paths` where model and data were: ") + error.what());
  }
  return given;
}

}  // namespace kvcompare
