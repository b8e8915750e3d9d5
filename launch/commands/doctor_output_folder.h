// What kvcompare doctor says of the folder that results would go to.
#pragma once

#include <filesystem>

#include "launch/commands/doctor_findings.h"

namespace kvcompare::doctor {

// Writes, syncs and locks there as a run would; leaves nothing behind.
Finding output_folder(const std::filesystem::path& folder);

}  // namespace kvcompare::doctor
