#include "common/log.h"

#include <algorithm>

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include "common/errors.h"
#include "common/printable.h"

namespace kvcompare {

std::vector<std::string> log_level_names() {
  std::vector<std::string> names;
  for (const auto& name : SPDLOG_LEVEL_NAMES) names.emplace_back(name.data(), name.size());
  return names;
}

bool is_log_level(std::string_view level) {
  const std::vector<std::string> names = log_level_names();
  return level == "warn" || level == "err" || std::find(names.begin(), names.end(), level) != names.end();
}

void configure_log(const std::string& level) {
  if (!is_log_level(level)) throw ConfigError("log_level", "'" + level + "' is no level of spdlog");
  auto logger =
      std::make_shared<spdlog::logger>("kvcompare", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
  logger->set_pattern("[%H:%M:%S] %^%l%$: %v");
  logger->set_level(spdlog::level::from_str(level));
  spdlog::set_default_logger(std::move(logger));
}

void log_debug(const std::string& line) { spdlog::debug("{}", printable(line)); }
void log_info(const std::string& line) { spdlog::info("{}", printable(line)); }
void log_warning(const std::string& line) { spdlog::warn("{}", printable(line)); }

}  // namespace kvcompare
