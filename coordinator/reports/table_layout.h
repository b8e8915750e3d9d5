// Lays out text in columns.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace kvcompare {

using TableRow = std::vector<std::string>;  // the first row of a table holds the titles

// How many columns of the terminal a line of the table takes.
std::size_t table_width(const std::vector<TableRow>& rows);

// Removes the columns named in `titles`, in this order, until a line fits into `width`, or all of them are
// removed. Returns the titles of the removed columns. A title that the table does not have is ignored.
TableRow leave_out_columns(std::vector<TableRow>& rows, std::size_t width,
                           const std::vector<std::string>& titles);

// The table as text, with a rule below the titles. The first column is aligned left, the others right. A row
// may end early.
std::string aligned(const std::vector<TableRow>& rows);

}  // namespace kvcompare
