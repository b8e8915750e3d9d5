#include "launch/commands/tokenize_command.h"

#include <filesystem>
#include <string_view>
#include <system_error>

#include "common/data/data_reader.h"
#include "common/errors.h"
#include "common/files/atomic_file.h"
#include "common/log.h"
#include "common/tokenizer/tokenizer.h"
#include "launch/commands/tokenized_lines.h"

namespace kvcompare {

ExitCode run_tokenize(const TokenizeCommand& command) {
  for (const auto& input : data_files(command.input.string())) {
    std::error_code ignored;  // if one of the two is not there
    if (std::filesystem::equivalent(input, command.output, ignored))
      throw ConfigError("output", command.output.string() + " is an input file; name another one");
  }
  const Tokenizer tokenizer = Tokenizer::load(command.tokenizer);
  for (const auto& warning : tokenizer.warnings()) log_warning(warning);
  const auto encode = [&](std::string_view text, SpecialTokens special) {
    return tokenizer.encode_with_bytes(text, special);
  };
  const DataSource data{.data_path = command.input.string(),
                        .fields = command.fields,
                        .split = command.split,
                        .join = command.join};
  write_file_atomically(command.output, tokenized_lines(data, encode));
  return ExitCode::kComplete;
}

}  // namespace kvcompare
