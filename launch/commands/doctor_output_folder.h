// What kvcompare doctor says about the folder for results.
#pragma once

#include <filesystem>

#include "launch/commands/doctor_findings.h"

namespace kvcompare::doctor {

// Writes, syncs and locks in the folder as a run would, and leaves nothing behind.
Finding output_folder(const std::filesystem::path& folder);

}  // namespace kvcompare::doctor
