// Files that are there whole or not at all, also after a crash of the machine.
#pragma once

#include <filesystem>
#include <string_view>

namespace kvcompare {

// Replaces the file at `path` by `contents`: a temporary file in the same folder is written, synced, renamed,
// and the folder synced. Readers see the old file or the new one. A symbolic link is followed.
// Throws OutputError; no temporary file is left then, and the old file is as it was unless the very last
// step, the syncing of the folder, failed.
void write_file_atomically(const std::filesystem::path& path, std::string_view contents);

}  // namespace kvcompare
