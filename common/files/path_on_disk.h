#pragma once

#include <filesystem>
#include <string>

namespace kvcompare {

// A path that cannot be looked at counts as absent: what opens it gives the error.
bool can_be_seen(const std::filesystem::path& path);

// A path that cannot be looked at counts as there, for what must not be overwritten.
bool may_be_there(const std::filesystem::path& path);

// The path as a program that is started in another folder would find it, without `.` and `..`.
std::string absolute_path(const std::string& path);

}  // namespace kvcompare
