// PCRE2 (8-bit, UTF-8, Unicode properties, JIT where the platform has it) behind two owning types.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace kvcompare {

// Half-open byte range of a text.
struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;
  friend bool operator==(const Span&, const Span&) = default;
};

// What a running match writes to. One per thread; any number of regexes may use it in turn.
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

// A compiled pattern; const use from several threads is safe, each with its own workspace.
class Regex {
 public:
  // Pattern in PCRE2's syntax; '^' and '$' match at every line, a line ends with '\n'.
  // Throws std::invalid_argument with PCRE2's message and the offset in the pattern.
  // `written` is how messages call the pattern: as it was before its translation.
  static Regex compile(const std::string& pattern) { return compile(pattern, pattern); }
  static Regex compile(const std::string& pattern, const std::string& written);
  ~Regex();
  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;

  // Leftmost match at or after `from`; the bytes before `from` are seen by look-behind. `subject` must be
  // valid UTF-8. A match that PCRE2 gives up on (a limit of steps, no memory) is a
  // CheckpointError with the pattern, never "no match".
  std::optional<Span> find(std::string_view subject, std::size_t from, MatchWorkspace& workspace) const;

 private:
  struct Code;
  explicit Regex(std::unique_ptr<Code> code);
  std::unique_ptr<Code> code_;
};

}  // namespace kvcompare
