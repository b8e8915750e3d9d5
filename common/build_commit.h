// The commit of the sources that this program was built from.
#pragma once

#include <string>

namespace kvcompare {

// 40 hexadecimal digits, with "+changes" behind them if sources of the program had been changed since. Empty
// if they lay in no repository of their own, or git was not there: then nobody can say.
std::string build_commit();

}  // namespace kvcompare
