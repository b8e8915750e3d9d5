// Prepares the process before the program does anything else, and ends it.
#pragma once

#include "common/exit_code.h"

namespace kvcompare {

// Runs before the libraries initialise themselves, because those open files and look for the working
// directory. So it calls nothing but the kernel.
// - Opens standard descriptors that are closed on /dev/null. Otherwise the next file to be opened would take
//   their numbers, and printed text would be written into it.
// - Ends the process with a message if the working directory has been deleted. Otherwise MKL, in libtorch,
//   would end the process with a message that names another cause.
void prepare_process() noexcept;

// Makes a write fail, instead of ending the process, if nobody reads the pipe, or if the limit on file sizes
// is reached.
void let_writes_fail();

// Ends the process without the destructors of the libraries, which take a third of the time of a short
// command: libtorch unregisters thousands of operators. All that is ours has been written and closed.
[[noreturn]] void end_process(ExitCode code);

}  // namespace kvcompare
