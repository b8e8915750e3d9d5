// kvcompare tokenize: texts to token ids.
#pragma once

#include <filesystem>
#include <string>

#include "common/dataset.h"
#include "common/exit_code.h"
#include "launch/command.h"

namespace kvcompare {

// A line {"input_ids":[...]} for each line of `input` that is not blank. Text goes through `encode`; a line
// that has only ids keeps them.
std::string tokenized_lines(const std::filesystem::path& input, const std::string& text_field,
                            const Encode& encode);

ExitCode run_tokenize(const TokenizeCommand& command);

}  // namespace kvcompare
