// How a Git LFS pointer begins: the small text file that git leaves in the place of a large file that was not
// fetched.
#pragma once

#include <string_view>

namespace kvcompare {

// Source: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
constexpr std::string_view kGitLfsPointerBegin = "version https://git-lfs.github.com/spec/";

inline bool is_git_lfs_pointer(std::string_view bytes) { return bytes.starts_with(kGitLfsPointerBegin); }

constexpr const char* kGitLfsProblem =
    "is a Git LFS pointer, not the file itself; to fetch the file: git lfs install && git lfs pull "
    "(in the folder of the model)";

}  // namespace kvcompare
