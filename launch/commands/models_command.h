// kvcompare models: which families of models are computed.
#pragma once

#include <string>

namespace kvcompare {

// Every family with the models that it is known for, the keys of config.json that are read, and what is
// refused; then what holds for all of them.
std::string models_text();

}  // namespace kvcompare
