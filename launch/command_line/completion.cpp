#include "launch/command_line/completion.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "launch/command_line/completed_value.h"
#include "launch/command_line/flag_value.h"
#include "launch/command_line/replaced.h"
#include "launch/command_line/subcommand_table.h"

namespace kvcompare {
namespace {

using Kind = CompletedValue::Kind;

const std::vector<Flag>& flags_of(const Subcommand& subcommand) {
  static const std::vector<Flag> none;
  return subcommand.flags ? subcommand.flags() : none;
}

std::string in_a_row(const std::vector<std::string>& words) { return joined(words, " "); }

std::string flag_words(const Subcommand& subcommand) {
  std::vector<std::string> words;
  for (const Flag& flag : flags_of(subcommand)) words.push_back("--" + flag.name);
  words.emplace_back("--help");
  return in_a_row(words);
}

// Up to the first full stop that ends a sentence.
std::string first_sentence(const std::string& text) {
  const auto end = text.find(". ");
  return end == std::string::npos ? text : text.substr(0, end + 1);
}

bool takes_folders(const Subcommand& subcommand) {
  return std::string_view(subcommand.operands).starts_with("FOLDER");
}

// "bash|zsh|fish", or the topics of help; else empty.
std::string operand_words(const Subcommand& subcommand) {
  const std::string_view operands = subcommand.operands;
  if (operands == "TOPIC") return in_a_row(subcommand_names());
  if (operands.empty() || operands.starts_with("FOLDER")) return "";
  return replaced(std::string(operands), "|", " ");
}

// ---- bash

constexpr const char* kBashBegin =
    R"(# bash completion of kvcompare: source this file, or install it as share/bash-completion/completions/kvcompare.
# Made by `kvcompare completion bash` of the table of flags.
_kvcompare_words() {  # LIST WORDS: completes the last of several words with commas between them if LIST is yes
  local begun=
  if [ "$1" = yes ] && [[ $cur == *,* ]]; then begun=${cur%,*},; fi
  mapfile -t COMPREPLY < <(compgen -P "$begun" -W "$2" -- "${cur#"$begun"}")
}

_kvcompare() {
  local cur=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} subcommand=compare flag=
  if [ "$COMP_CWORD" -gt 1 ] && [[ ${COMP_WORDS[1]} != -* ]]; then subcommand=${COMP_WORDS[1]//-/_}; fi
  if [[ $previous == --* ]]; then
    flag=${previous#--}
    flag=${flag//-/_}
  fi
  COMPREPLY=()
  case $subcommand.$flag in
)";

std::string bash_value(const CompletedValue& value) {
  if (value.kind == Kind::kWords)
    return std::string("_kvcompare_words ") + (value.is_list ? "yes" : "no") + " \"" + in_a_row(value.words) +
           "\"; return";
  return std::string("mapfile -t COMPREPLY < <(compgen ") + (value.kind == Kind::kFolder ? "-d" : "-f") +
         " -- \"$cur\"); compopt -o filenames; return";
}

// The flags of all subcommands that take a value that can be completed, those with the same answer in one
// line.
std::string bash_values() {
  std::vector<std::pair<std::string, std::string>> lines;  // answer, patterns
  for (const Subcommand& subcommand : subcommands())
    for (const Flag& flag : flags_of(subcommand)) {
      const auto value = completed_value(flag);
      if (flag.value.kind == FlagKind::kSwitch) continue;
      const auto answer = value.kind == Kind::kNothing ? "return" : bash_value(value);
      const auto pattern = std::string(subcommand.name) + "." + flag.name;
      const auto line =
          std::find_if(lines.begin(), lines.end(), [&](const auto& one) { return one.first == answer; });
      if (line == lines.end())
        lines.emplace_back(answer, pattern);
      else
        line->second += " | " + pattern;
    }
  std::string text;
  for (const auto& [answer, patterns] : lines) text += "    " + patterns + ") " + answer + " ;;\n";
  return text;
}

std::string bash_script() {
  std::string text = kBashBegin + bash_values() + "  esac\n";
  text += "  if [ \"$COMP_CWORD\" = 1 ] && [[ $cur != -* ]]; then\n    _kvcompare_words no \"" +
          in_a_row(subcommand_names()) + "\"\n    return\n  fi\n  case $subcommand in\n";
  for (const Subcommand& subcommand : subcommands()) {
    text += std::string("    ") + subcommand.name + ")\n";
    if (takes_folders(subcommand))
      text += "      if [[ $cur != -* ]]; then " + bash_value({.kind = Kind::kFolder}) + "; fi\n";
    if (const auto words = operand_words(subcommand); !words.empty())
      text += "      if [[ $cur != -* ]]; then _kvcompare_words no \"" + words + "\"; return; fi\n";
    text += "      _kvcompare_words no \"" + flag_words(subcommand) +
            (subcommand.name == std::string("compare") ? " --version" : "") + "\" ;;\n";
  }
  return text + "  esac\n}\ncomplete -F _kvcompare kvcompare\n";
}

// ---- zsh

// Within single quotes, where brackets and colons end the parts of a specification.
std::string zsh_text(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') result += '\\';
    if (c == '\'')
      result += "'\\''";
    else
      result += c == '\n' ? ' ' : c;
  }
  return result;
}

std::string zsh_action(const CompletedValue& value) {
  switch (value.kind) {
    case Kind::kWords:
      return value.is_list ? "_sequence compadd - " + in_a_row(value.words)
                           : "(" + in_a_row(value.words) + ")";
    case Kind::kFolder:
      return "_files -/";
    case Kind::kFile:
      return "_files";
    case Kind::kNothing:
      break;
  }
  return " ";
}

std::string zsh_flag(const Flag& flag) {
  std::string spec = "'--" + flag.name + "[" + zsh_text(first_sentence(flag.help)) + "]";
  if (flag.value.kind != FlagKind::kSwitch)
    spec += ":" + zsh_text(flag.value.placeholder) + ":" + zsh_action(completed_value(flag));
  return spec + "'";
}

std::string zsh_script() {
  std::string text =
      "#compdef kvcompare\n# zsh completion of kvcompare, made by `kvcompare completion zsh` of the table of "
      "flags.\n\n"
      "_kvcompare() {\n  local subcommand=compare\n  local -a specs\n"
      "  if (( CURRENT > 2 )) && [[ $words[2] != -* ]]; then\n"
      "    subcommand=${words[2]//-/_}\n    words=(\"${(@)words[1]}\" \"${(@)words[3,-1]}\")\n    (( "
      "CURRENT-- ))\n"
      "  elif (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then\n    local -a subcommands=(\n";
  for (const Subcommand& subcommand : subcommands())
    text += std::string("      '") + subcommand.name + ":" + zsh_text(subcommand.summary) + "'\n";
  text += "    )\n    _describe subcommand subcommands\n    return\n  fi\n  case $subcommand in\n";
  for (const Subcommand& subcommand : subcommands()) {
    text += std::string("    ") + subcommand.name + ")\n      specs=(\n";
    if (takes_folders(subcommand)) text += "        '*:folder of a run:_files -/'\n";
    if (const auto words = operand_words(subcommand); !words.empty())
      text += "        '1:" + zsh_text(subcommand.operands) + ":(" + words + ")'\n";
    for (const Flag& flag : flags_of(subcommand)) text += "        " + zsh_flag(flag) + "\n";
    text += "        '--help[what it does, and its flags]'\n      ) ;;\n";
  }
  return text +
         "  esac\n  _arguments $specs\n}\n\n"
         "if [ \"$funcstack[1]\" = _kvcompare ]; then _kvcompare \"$@\"; else compdef _kvcompare kvcompare; "
         "fi\n";
}

// ---- fish

std::string fish_text(const std::string& text) { return replaced(replaced(text, "\\", "\\\\"), "'", "\\'"); }

std::string fish_condition(const Subcommand& subcommand, const std::string& others) {
  if (subcommand.name == std::string("compare")) return "not __fish_seen_subcommand_from " + others;
  return std::string("__fish_seen_subcommand_from ") + subcommand.name;
}

std::string fish_value(const Flag& flag) {
  if (flag.value.kind == FlagKind::kSwitch) return "";
  const auto value = completed_value(flag);
  switch (value.kind) {
    case Kind::kWords:
      return value.is_list ? " -x -a '(__fish_append , " + in_a_row(value.words) + ")'"
                           : " -x -a '" + in_a_row(value.words) + "'";
    case Kind::kFolder:
      return " -x -a '(__fish_complete_directories)'";
    case Kind::kFile:
      return " -r -F";
    case Kind::kNothing:
      break;
  }
  return " -x";
}

std::string fish_script() {
  std::string text =
      "# fish completion of kvcompare, made by `kvcompare completion fish` of the table of flags.\n"
      "complete -c kvcompare -f\n";
  std::vector<std::string> others;
  for (const auto& name : subcommand_names())
    if (name != "compare") others.push_back(name);
  const auto other_names = in_a_row(others);
  for (const Subcommand& subcommand : subcommands())
    text += "complete -c kvcompare -n __fish_use_subcommand -a " + std::string(subcommand.name) + " -d '" +
            fish_text(subcommand.summary) + "'\n";
  for (const Subcommand& subcommand : subcommands()) {
    const auto begin = "complete -c kvcompare -n '" + fish_condition(subcommand, other_names) + "'";
    if (takes_folders(subcommand)) text += begin + " -a '(__fish_complete_directories)'\n";
    if (const auto words = operand_words(subcommand); !words.empty()) text += begin + " -a '" + words + "'\n";
    for (const Flag& flag : flags_of(subcommand))
      text += begin + " -l " + flag.name + fish_value(flag) + " -d '" + fish_text(first_sentence(flag.help)) +
              "'\n";
    text += begin + " -l help -d 'what it does, and its flags'\n";
  }
  return text;
}

}  // namespace

std::optional<Shell> find_shell(std::string_view name) {
  for (const auto& [known, shell] :
       {std::pair{"bash", Shell::kBash}, std::pair{"zsh", Shell::kZsh}, std::pair{"fish", Shell::kFish}})
    if (name == known) return shell;
  return std::nullopt;
}

std::string completion_script(Shell shell) {
  switch (shell) {
    case Shell::kBash:
      return bash_script();
    case Shell::kZsh:
      return zsh_script();
    case Shell::kFish:
      return fish_script();
  }
  return "";
}

}  // namespace kvcompare
