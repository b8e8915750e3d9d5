#include "launch/commands/version_command.h"

#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <ATen/Version.h>

#include "common/build_commit.h"
#include "common/data/parquet_rows.h"
#include "common/messages/mpi_environment.h"
#include "common/version.h"
#include "coordinator/journal/journal_record.h"
#include "coordinator/reports/hdf5_results.h"
#include "coordinator/reports/schema_version.h"
#include "launch/commands/own_kernels.h"
#include "launch/session/standard_output.h"
#include "worker/devices/machine_numerics.h"

namespace kvcompare {
namespace {

constexpr std::size_t kTextColumn = 20;

std::string formats() {
  return "journal " + std::to_string(kJournalVersion) + ", schema " + std::to_string(kSchemaVersion);
}

std::string or_else(const std::string& text, const char* otherwise) {
  return text.empty() ? otherwise : text;
}

std::string parquet() {
  const auto version = arrow_library_version();
  return version.empty() ? "built without it" : "by Apache Arrow " + version;
}

std::string text_for_people() {
  const std::vector<std::pair<std::string, std::string>> rows{
      {"commit", or_else(build_commit(), "not known: it was built outside of a git repository")},
      {"numbers", "revision " + std::to_string(kNumbersRevision) +
                      "; a run is resumed only by programs of the revision that began it"},
      {"formats", formats()},
      {"compiler", KVCOMPARE_COMPILER},
      {"libtorch", loaded_libtorch_version()},
      {"instruction sets", own_kernels() + " in own kernels, " + at::get_cpu_capability() + " in libtorch's"},
      {"CUDA", or_else(KVCOMPARE_CUDA_VERSION, "built without it")},
      {"MPI", mpi_library_version()},
      {"HDF5", hdf5_library_version()},
      {"Parquet", parquet()}};
  std::string text = std::string("kvcompare ") + kVersion + "\n";
  for (const auto& [name, value] : rows)
    text += "  " + name + std::string(kTextColumn - 2 - name.size(), ' ') + value + "\n";
  return text;
}

// null: there is none, or nobody can say. All keys are always there.
nlohmann::ordered_json or_null(const std::string& text) {
  return text.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(text);
}

std::string json_for_programs() {
  const nlohmann::ordered_json json{{"version", kVersion},
                                    {"commit", or_null(build_commit())},
                                    {"numbers_revision", kNumbersRevision},
                                    {"journal_version", kJournalVersion},
                                    {"schema_version", kSchemaVersion},
                                    {"compiler", KVCOMPARE_COMPILER},
                                    {"libtorch", loaded_libtorch_version()},
                                    {"instruction_set", own_kernels()},
                                    {"cpu_capability", at::get_cpu_capability()},
                                    {"cuda", or_null(KVCOMPARE_CUDA_VERSION)},
                                    {"mpi", mpi_library_version()},
                                    {"hdf5", hdf5_library_version()},
                                    {"arrow", or_null(arrow_library_version())}};
  return json.dump(2) + "\n";
}

}  // namespace

ExitCode run_version(const VersionCommand& command) {
  print(command.format == VersionFormat::kJson ? json_for_programs() : text_for_people());
  return ExitCode::kComplete;
}

}  // namespace kvcompare
