// The man page, made of the help texts and the tables of flags.
#pragma once

#include <string>

namespace kvcompare {

// kvcompare(1) in the man macros of roff.
std::string manual_page();

}  // namespace kvcompare
