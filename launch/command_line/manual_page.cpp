#include "launch/command_line/manual_page.h"

#include <cctype>
#include <string_view>
#include <utility>

#include "common/version.h"
#include "launch/command_line/flag_sections.h"
#include "launch/command_line/flag_table.h"
#include "launch/command_line/help_text.h"
#include "launch/command_line/subcommand_table.h"

namespace kvcompare {
namespace {

// Text that roff prints as it is: a backslash is no command, a '-' no hyphen, and a point that begins a line
// no request.
std::string escaped(std::string_view text) {
  std::string result;
  bool begins_line = true;
  for (const char c : text) {
    if (begins_line && (c == '.' || c == '\'')) result += "\\&";
    if (c == '\\')
      result += "\\e";
    else if (c == '-')
      result += "\\-";
    else
      result += c;
    begins_line = c == '\n';
  }
  return result;
}

std::string upper_case(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

// Lines as they are.
std::string unfilled(std::string_view text) {
  while (text.starts_with('\n')) text.remove_prefix(1);
  while (text.ends_with('\n')) text.remove_suffix(1);
  return text.empty() ? "" : ".nf\n" + escaped(text) + "\n.fi\n";
}

std::string entry(const Flag& flag) {
  return ".TP\n\\fB" + escaped("--" + flag.name) + "\\fR \\fI" + escaped(flag.value.placeholder) + "\\fR\n" +
         escaped(explanation(flag)) + "\n";
}

struct Parts {
  std::string before;
  std::string after;
};

// A help text without the flags in its middle.
Parts around_flags(const std::string& help, const std::string& flags) {
  const auto at = help.find(flags);
  if (flags.empty() || at == std::string::npos) return {help, ""};
  return {help.substr(0, at), help.substr(at + flags.size())};
}

std::string main_job() {
  const auto [usage, results] = around_flags(compare_help(), lines_by_section(compare_flags()));
  std::string page = ".SH DESCRIPTION\n" + unfilled(usage) + ".SH OPTIONS\n";
  for (const auto& [title, flags] : sections_of(compare_flags())) {
    page += ".SS " + escaped(title) + "\n";
    for (const Flag* flag : flags) page += entry(*flag);
  }
  return page + ".SH FILES AND EXIT STATUS\n" + unfilled(results);
}

std::string section_of(const Subcommand& subcommand) {
  static const std::vector<Flag> none;
  const auto& flags = subcommand.flags ? subcommand.flags() : none;
  const auto text = around_flags(subcommand.help(), lines_by_section(flags));
  std::string page = ".SS kvcompare " + escaped(subcommand.name) + "\n" + unfilled(text.before);
  if (subcommand.flags == compare_flags) return page;  // they stand above
  for (const auto& section : sections_of(flags))
    for (const Flag* flag : section.flags) page += entry(*flag);
  return page + unfilled(text.after);
}

}  // namespace

std::string manual_page() {
  std::string page =
      ".TH " + upper_case("kvcompare") + " 1 \"\" \"kvcompare " + kVersion + "\" \"User Commands\"\n" +
      ".SH NAME\nkvcompare \\- measure what evicting keys from the KV cache of a language model costs\n" +
      main_job() + ".SH SUBCOMMANDS\n";
  for (const Subcommand& subcommand : subcommands())
    if (subcommand.help != compare_help) page += section_of(subcommand);
  return page + ".SH SEE ALSO\n.B kvcompare\\-supervise \\-\\-help\n.br\n.BR mpirun (1),\n.BR sbatch (1)\n";
}

}  // namespace kvcompare
