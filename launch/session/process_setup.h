// What the program needs of its process before it does anything else, whatever started it.
#pragma once

namespace kvcompare {

// Runs before the libraries initialise themselves, since those open files and look for the working directory:
// calls nothing but the kernel.
// - Standard descriptors that are closed are opened on /dev/null. The next file to be opened would take their
//   numbers, and what is printed would be written into it.
// - Ends the process with a message if the working directory has been deleted: MKL, in libtorch, would end it
//   with a message that names another cause.
void prepare_process() noexcept;

// A write to a pipe that nobody reads, or beyond the limit on file sizes, fails instead of ending the
// process.
void let_writes_fail();

}  // namespace kvcompare
