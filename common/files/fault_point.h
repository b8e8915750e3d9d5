// Named places where a fault can be made to happen, to test what follows from it. They do so in programs
// built with KVCOMPARE_FAULTS=ON alone (fault_point_on.cpp); in every other program they are empty
// (fault_point_off.cpp).
//
// KVCOMPARE_FAULT=POINT:N:ACTION lets ACTION happen at the N-th time that the process comes by POINT:
//   kill9          the process is killed
//   stop           the process sends itself SIGUSR1
//   throw          InvariantError
//   enospc, eio    OutputError as if the disk were full or broken
//   fail_unit      std::domain_error, which at in_unit fails that unit alone
//   device_lost    at in_unit: what is thrown when the memory of a GPU is damaged
// N = 0: every time.
// KVCOMPARE_FAULT_LOG names a file that gets a line for each fault that has happened; a fault that has its
// line there does not happen again, so a run that is started anew gets by.
#pragma once

#include <cstddef>
#include <string_view>

namespace kvcompare {

inline constexpr std::string_view kFaultPoints[] = {"after_lock",
                                                    "before_journal_write",
                                                    "mid_journal_write",
                                                    "after_write_before_sync",
                                                    "after_sync_before_ack",
                                                    "before_dispatch",
                                                    "in_unit",
                                                    "worker_before_send",
                                                    "before_finalize",
                                                    "mid_finalize",
                                                    "before_rename",
                                                    "after_rename_before_marker"};

void fault_point(std::string_view name);

// Of a write of n_bytes, as many as are to be written before the fault at `name`; n_bytes if none is due.
std::size_t bytes_before_fault(std::string_view name, std::size_t n_bytes);

}  // namespace kvcompare
