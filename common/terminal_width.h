// How wide the terminal is that somebody reads.
#pragma once

#include <cstddef>
#include <optional>

namespace kvcompare {

// Columns of the terminal behind a file descriptor: the environment variable COLUMNS if it is a number, else
// what the terminal says. Absent if the descriptor is no terminal, or one that does not know.
std::optional<std::size_t> terminal_width(int descriptor);

}  // namespace kvcompare
