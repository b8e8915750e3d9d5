#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace kvcompare {

// A path that cannot be looked at counts as absent: what opens it gives the error.
bool can_be_seen(const std::filesystem::path& path);

// A path that cannot be looked at counts as there, for what must not be overwritten.
bool may_be_there(const std::filesystem::path& path);

// What stands at the path if something is there that is no regular file: "a folder", "a pipe (FIFO)", "a
// device", "a socket". To read such a thing could wait, or go on, for ever. Links are followed; a path that
// cannot be looked at counts as absent.
std::optional<std::string> kind_of_irregular_file(const std::filesystem::path& path);

// Throws CheckpointError, saying what stands there, if that is no regular file.
void refuse_irregular_file(const std::filesystem::path& path);

// The path as a program that is started in another folder would find it, without `.` and `..`.
std::string absolute_path(const std::string& path);

}  // namespace kvcompare
