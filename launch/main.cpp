#include <chrono>
#include <cstdlib>
#include <exception>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "common/errors.h"
#include "common/log.h"
#include "launch/command_line/command_line.h"
#include "launch/command_line/presses_text.h"
#include "launch/commands/compare_command.h"
#include "launch/commands/doctor_command.h"
#include "launch/commands/dump_command.h"
#include "launch/commands/finalize_command.h"
#include "launch/commands/inspect_command.h"
#include "launch/commands/merge_command.h"
#include "launch/commands/models_command.h"
#include "launch/commands/report_command.h"
#include "launch/commands/tokenize_command.h"
#include "launch/commands/train_kvzap_command.h"
#include "launch/commands/verify_command.h"
#include "launch/commands/version_command.h"
#include "launch/session/process_setup.h"
#include "launch/session/report_error.h"
#include "launch/session/standard_output.h"
#include "launch/session/stop_signal.h"

namespace kvcompare {
namespace {

constexpr std::chrono::seconds kTimeForRank0{2};

struct Dispatch {
  ExitCode operator()(const CompareCommand& command) const {
    configure_log(command.options.log_level);
    if (speaks_for_all_ranks())
      for (const std::string& warning : command.warnings) log_warning(warning);
    return run_compare(command);
  }
  ExitCode operator()(const DoctorCommand& command) const { return run_doctor(command); }
  ExitCode operator()(const DumpCommand& command) const {
    configure_log(command.options.log_level);
    return run_dump(command);
  }
  ExitCode operator()(const FinalizeCommand& command) const {
    configure_log(RunOptions{}.log_level);
    return run_finalize(command);
  }
  ExitCode operator()(const InspectCommand& command) const {
    configure_log(RunOptions{}.log_level);
    return run_inspect(command);
  }
  ExitCode operator()(const MergeCommand& command) const {
    configure_log(RunOptions{}.log_level);
    return run_merge(command);
  }
  ExitCode operator()(const ReportCommand& command) const {
    configure_log(RunOptions{}.log_level);
    return run_report(command);
  }
  ExitCode operator()(const TokenizeCommand& command) const { return run_tokenize(command); }
  ExitCode operator()(const TrainKvzapCommand& command) const {
    configure_log(command.options.log_level);
    return run_train_kvzap(command);
  }
  ExitCode operator()(const VerifyCommand& command) const {
    configure_log(RunOptions{}.log_level);
    return run_verify(command);
  }
  ExitCode operator()(const ModelsCommand&) const {
    print(models_text());
    return ExitCode::kComplete;
  }
  ExitCode operator()(const PressesCommand&) const {
    print(presses_text());
    return ExitCode::kComplete;
  }
  ExitCode operator()(const VersionCommand& command) const { return run_version(command); }
  ExitCode operator()(const ShowTextCommand& command) const {
    print(command.text);
    return ExitCode::kComplete;
  }
};

// Every rank finds the same error in its command line, so rank 0 reports it for all. The others wait a
// little: mpirun ends all ranks as soon as one ends with an error, and rank 0 may not have said it yet. A
// rank that lives on has found an error of its own host, in the file of --config.
Command parsed(const std::vector<std::string>& arguments) {
  try {
    return parse_command_line(arguments);
  } catch (const Error&) {
    if (!speaks_for_all_ranks()) std::this_thread::sleep_for(kTimeForRank0);
    throw;
  }
}

ExitCode run(const std::vector<std::string>& arguments) {
  try {
    return std::visit(Dispatch{}, parsed(arguments));
  } catch (const std::exception& thrown) {
    const auto error = as_error(thrown);
    report_error(error.what());
    return error.exit_code();
  }
}

// The loader calls it before the initialisers of the libraries.
[[gnu::section(".preinit_array"), gnu::used]] void (*before_the_libraries)() noexcept = prepare_process;

}  // namespace
}  // namespace kvcompare

int main(int argc, char** argv) {
  kvcompare::let_writes_fail();
  kvcompare::install_stop_signals();
  kvcompare::end_process(kvcompare::run({argv + (argc > 0 ? 1 : 0), argv + argc}));
}
