// The log of the process goes to stderr; stdout belongs to results.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kvcompare {

// "trace", "debug", "info", "warning", "error", "critical", "off"
std::vector<std::string> log_level_names();

// `level` is one of log_level_names() (or spdlog's short forms "warn", "err").
bool is_log_level(std::string_view level);

// Makes spdlog's default logger write to stderr from `level` on. Throws ConfigError for another level.
// Called once, before the first line is logged.
void configure_log(const std::string& level);

// One line each. A file that includes libtorch cannot include spdlog: both bring their own version of fmt.
void log_debug(const std::string& line);
void log_info(const std::string& line);
void log_warning(const std::string& line);

}  // namespace kvcompare
