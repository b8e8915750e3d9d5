// Tables of text in columns.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace kvcompare {

using TableRow = std::vector<std::string>;  // the first of a table holds the titles

// Columns that a line of the table takes.
std::size_t table_width(const std::vector<TableRow>& rows);

// Takes columns out of the rows, those of `titles` in order, until a line has `width` columns or none of them
// is left. Returns the titles of those taken out. A title that the table does not have is passed over.
TableRow leave_out_columns(std::vector<TableRow>& rows, std::size_t width,
                           const std::vector<std::string>& titles);

// With a rule below the titles. The first column is aligned left, the others right. A row may end early.
std::string aligned(const std::vector<TableRow>& rows);

}  // namespace kvcompare
