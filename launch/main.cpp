#include <cstdio>
#include <exception>
#include <string>
#include <variant>
#include <vector>

#include "common/errors.h"
#include "common/log.h"
#include "launch/command_line.h"
#include "launch/compare_command.h"
#include "launch/presses_command.h"
#include "launch/tokenize_command.h"

namespace kvcompare {
namespace {

ExitCode print(const std::string& text) {
  if (std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0)
    throw OutputError("stdout", "cannot be written");
  return ExitCode::kComplete;
}

struct Dispatch {
  ExitCode operator()(const CompareCommand& command) const {
    configure_log(command.options.log_level);
    for (const std::string& warning : command.warnings) log_warning(warning);
    return run_compare(command);
  }
  ExitCode operator()(const TokenizeCommand& command) const { return run_tokenize(command); }
  ExitCode operator()(const PressesCommand&) const { return print(presses_text()); }
  ExitCode operator()(const ShowTextCommand& command) const { return print(command.text); }
};

ExitCode fail(ExitCode code, const char* what) {
  std::fprintf(stderr, "kvcompare: error: %s\n", what);
  return code;
}

ExitCode run(const std::vector<std::string>& arguments) {
  try {
    return std::visit(Dispatch{}, parse_command_line(arguments));
  } catch (const Error& error) {
    return fail(error.exit_code(), error.what());
  } catch (const std::exception& error) {
    return fail(ExitCode::kInternal, error.what());
  }
}

}  // namespace
}  // namespace kvcompare

int main(int argc, char** argv) {
  return static_cast<int>(kvcompare::run({argv + (argc > 0 ? 1 : 0), argv + argc}));
}
