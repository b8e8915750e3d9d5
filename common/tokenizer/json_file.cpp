#include "common/tokenizer/json_file.h"

#include <fstream>
#include <iterator>
#include <string>

#include "common/data/git_lfs.h"
#include "common/data/json_depth.h"
#include "common/errors.h"
#include "common/json_error.h"
#include "common/path_on_disk.h"

namespace kvcompare {
namespace {

constexpr int kMaxDepth = 64;  // parts of a tokenizer are read recursively, so the depth must be bounded

std::string read_text(const std::filesystem::path& file) {
  refuse_irregular_file(file);
  std::ifstream stream(file, std::ios::binary);
  if (!stream)
    throw CheckpointError(file.string(), "", "cannot be read; a model folder must hold its tokenizer.json");
  return {std::istreambuf_iterator<char>(stream), {}};
}

}  // namespace

nlohmann::json read_json_file(const std::filesystem::path& file) {
  const std::string text = read_text(file);
  if (is_git_lfs_pointer(text)) throw CheckpointError(file.string(), "", kGitLfsProblem);
  if (const auto byte = nested_deeper_than(text, kMaxDepth))
    throw CheckpointError(file.string(), "byte " + std::to_string(*byte),
                          "values are nested more than " + std::to_string(kMaxDepth) + " deep");
  try {
    return nlohmann::json::parse(text);
  } catch (const nlohmann::json::exception& problem) {
    throw CheckpointError(file.string(), "", "is not JSON: " + json_problem(problem));
  }
}

}  // namespace kvcompare
