// The parameters of a press: a struct of its own whose members a function `visit_parameters` lists, each with
// its flag. From that list come the flag and its help, the plain data of an instance, and the struct again.
//
//   struct SnailParameters { std::int64_t n_slow = 8; };
//   void visit_parameters(auto& parameters, const auto& visit) {
//     visit(parameters.n_slow, {.name = "n_slow", .unit = "tokens", .help = "snail: ..."});
//   }
//
// A new parameter is a member and its line there. This header does not include torch.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "common/run/method_parameters.h"

namespace kvcompare {

// A flag that sets a parameter of a press. The type of the default decides what is accepted: a switch, a
// whole number from `least` to `most`, a finite number from `least_real` to `most_real`, or a text, which
// must be one of `choices` if there are any.
struct ParameterFlag {
  std::string_view name;                  // what it means beyond its value: common/run/method_parameters.h
  std::string_view section = "Eviction";  // the section of the help
  std::string_view unit = "";             // "tokens"; may be empty
  std::string_view help = "";             // without default and unit; {methods} stands for the methods that
                                          // have the flag
  std::string_view absent = "";           // what happens without a value, if the default is an empty text
  std::uint64_t least = 0;                // whole numbers
  std::uint64_t most = std::numeric_limits<std::int32_t>::max();
  double least_real = std::numeric_limits<double>::lowest();  // other numbers
  double most_real = std::numeric_limits<double>::max();
  std::vector<std::string> choices{};  // texts
  ParameterValue standard{};           // the default; described() fills it in
};

// The flags of a press, in the order of its visit_parameters.
template <class Parameters>
std::vector<ParameterFlag> described() {
  std::vector<ParameterFlag> flags;
  Parameters defaults;
  visit_parameters(defaults, [&](const auto& member, ParameterFlag flag) {
    flag.standard = parameter_value(member);
    flags.push_back(std::move(flag));
  });
  return flags;
}

// Makes the struct of a press from the plain data of an instance. A member without a value there gets its
// default.
template <class Parameters>
Parameters parameters_of(const MethodSpec& method) {
  Parameters parameters;
  visit_parameters(parameters, [&]<class Member>(Member& member, const ParameterFlag& flag) {
    if (const auto* given = find_parameter(method.parameters, flag.name)) member = value_as<Member>(*given);
  });
  return parameters;
}

// The flag that several presses share: how many first positions are never evicted.
ParameterFlag sink_flag();

}  // namespace kvcompare
