// PCRE2 (8-bit, UTF-8, Unicode properties, JIT where the platform has it), wrapped in two owning types.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace kvcompare {

// A half-open range of bytes of a text.
struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;
  friend bool operator==(const Span&, const Span&) = default;
};

// A match that was given up. what() names the pattern, but not the file that it is from.
struct MatchError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The memory that a match works in. Each thread has its own; any number of regexes may use it in turn.
class MatchWorkspace {
 public:
  MatchWorkspace();
  ~MatchWorkspace();
  MatchWorkspace(MatchWorkspace&&) noexcept;
  MatchWorkspace& operator=(MatchWorkspace&&) noexcept;

 private:
  friend class Regex;
  struct State;
  std::unique_ptr<State> state_;
};

// A compiled pattern. Several threads may use it at once, each with its own workspace.
class Regex {
 public:
  // Compiles a pattern in PCRE2's syntax. '^' and '$' match at every line; a line ends with '\n'. Throws
  // std::invalid_argument with PCRE2's message and the offset in the pattern.
  //   written : the pattern as messages show it: the one before its translation
  static Regex compile(const std::string& pattern) { return compile(pattern, pattern); }
  static Regex compile(const std::string& pattern, const std::string& written);
  ~Regex();
  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;

  // Returns the leftmost match at or after `from`. Look-behind sees the bytes before `from`. `subject` must
  // be valid UTF-8. If PCRE2 gives up on a match (too many steps, no memory), a MatchError names the pattern;
  // this is never reported as "no match".
  std::optional<Span> find(std::string_view subject, std::size_t from, MatchWorkspace& workspace) const;

 private:
  struct Code;
  explicit Regex(std::unique_ptr<Code> code);
  std::unique_ptr<Code> code_;
};

}  // namespace kvcompare
