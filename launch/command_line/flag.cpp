#include "launch/command_line/flag.h"

#include <algorithm>

#include "common/errors.h"

namespace kvcompare {

void apply(const GivenValue& given, Settings& settings) {
  const FlagValue& value = given.flag->value;
  if (!value.assign(settings, given.text))
    throw ConfigError(given.origin, "'" + given.text + "' is not accepted; give " + value.accepted +
                                        (value.assign_one ? ", or several separated by commas" : ""));
  settings.origins[given.flag->name] = given.origin;
}

std::string canonical_name(std::string_view name) {
  std::string result(name);
  std::replace(result.begin(), result.end(), '-', '_');
  return result;
}

}  // namespace kvcompare
