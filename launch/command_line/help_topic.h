// kvcompare help TOPIC
#pragma once

#include <string>

namespace kvcompare {

// Help of a subcommand, of a flag (with or without "--", '-' and '_' are the same), or of a method in any
// spelling. Throws ConfigError for another topic, with the nearest ones.
std::string help_on(const std::string& topic);

}  // namespace kvcompare
