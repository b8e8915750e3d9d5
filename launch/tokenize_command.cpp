#include "launch/tokenize_command.h"

#include <string_view>

#include "common/atomic_file.h"
#include "common/tokenizer/tokenizer.h"
#include "launch/tokenized_lines.h"

namespace kvcompare {

ExitCode run_tokenize(const TokenizeCommand& command) {
  const Tokenizer tokenizer = Tokenizer::load(command.tokenizer);
  const auto encode = [&](std::string_view text) { return tokenizer.encode(text); };
  write_file_atomically(command.output, tokenized_lines(command.input, command.text_field, encode));
  return ExitCode::kComplete;
}

}  // namespace kvcompare
