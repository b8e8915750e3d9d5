#include "common/tokenizer/regex.h"

#include <stdexcept>
#include <utility>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "common/errors.h"

namespace kvcompare {
namespace {

constexpr std::size_t kJitStackStartBytes = std::size_t{32} << 10;
constexpr std::size_t kJitStackMaxBytes = std::size_t{16} << 20;
// How often a match may backtrack. Oniguruma, which Hugging Face uses, has such a limit as well.
constexpr std::uint32_t kMatchLimit = 10'000'000;
constexpr std::uint32_t kHeapLimitKib = std::uint32_t{1} << 20;

std::string pcre2_message(int code) {
  PCRE2_UCHAR text[256];
  pcre2_get_error_message(code, text, sizeof text);
  return reinterpret_cast<const char*>(text);
}

PCRE2_SPTR as_subject(std::string_view text) {
  return reinterpret_cast<PCRE2_SPTR>(text.empty() ? "" : text.data());
}

}  // namespace

struct MatchWorkspace::State {
  State()
      : data(pcre2_match_data_create(1, nullptr)),
        context(pcre2_match_context_create(nullptr)),
        jit_stack(pcre2_jit_stack_create(kJitStackStartBytes, kJitStackMaxBytes, nullptr)) {
    require(data != nullptr && context != nullptr, "PCRE2: no memory for a match workspace");
    pcre2_set_match_limit(context, kMatchLimit);
    pcre2_set_depth_limit(context, kMatchLimit);
    pcre2_set_heap_limit(context, kHeapLimitKib);
    if (jit_stack != nullptr) pcre2_jit_stack_assign(context, nullptr, jit_stack);
  }
  ~State() {
    if (jit_stack != nullptr) pcre2_jit_stack_free(jit_stack);
    pcre2_match_context_free(context);
    pcre2_match_data_free(data);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  pcre2_match_data* data;
  pcre2_match_context* context;
  pcre2_jit_stack* jit_stack;  // null if PCRE2 was built without JIT
};

MatchWorkspace::MatchWorkspace() : state_(std::make_unique<State>()) {}
MatchWorkspace::~MatchWorkspace() = default;
MatchWorkspace::MatchWorkspace(MatchWorkspace&&) noexcept = default;
MatchWorkspace& MatchWorkspace::operator=(MatchWorkspace&&) noexcept = default;

struct Regex::Code {
  Code(pcre2_code* code_, std::string written_)
      : code(code_), written(std::move(written_)), jit(pcre2_jit_compile(code_, PCRE2_JIT_COMPLETE) == 0) {}
  ~Code() { pcre2_code_free(code); }
  Code(const Code&) = delete;
  Code& operator=(const Code&) = delete;

  pcre2_code* code;
  std::string written;
  bool jit;
};

Regex::Regex(std::unique_ptr<Code> code) : code_(std::move(code)) {}
Regex::~Regex() = default;
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;

Regex Regex::compile(const std::string& pattern, const std::string& written) {
  const std::unique_ptr<pcre2_compile_context, decltype(&pcre2_compile_context_free)> context(
      pcre2_compile_context_create(nullptr), &pcre2_compile_context_free);
  require(context != nullptr, "PCRE2: no memory for a compile context");
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  int error = 0;
  PCRE2_SIZE offset = 0;
  pcre2_code* code = pcre2_compile(as_subject(pattern), pattern.size(),
                                   PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE, &error, &offset, context.get());
  if (code == nullptr) {
    throw std::invalid_argument("PCRE2 says \"" + pcre2_message(error) + "\" at offset " +
                                std::to_string(offset) + " of " + pattern);
  }
  return Regex(std::make_unique<Code>(code, written));
}

std::optional<Span> Regex::find(std::string_view subject, std::size_t from, MatchWorkspace& workspace) const {
  MatchWorkspace::State& state = *workspace.state_;
  int result = PCRE2_ERROR_JIT_STACKLIMIT;
  if (code_->jit) {
    result = pcre2_jit_match(code_->code, as_subject(subject), subject.size(), from, PCRE2_NO_UTF_CHECK,
                             state.data, state.context);
  }
  if (result == PCRE2_ERROR_JIT_STACKLIMIT) {  // the interpreter keeps its backtracking points on the heap,
                                               // so it needs no such stack
    result = pcre2_match(code_->code, as_subject(subject), subject.size(), from,
                         PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, state.data, state.context);
  }
  if (result == PCRE2_ERROR_NOMATCH) return std::nullopt;
  if (result < 0)
    throw MatchError("its regular expression " + code_->written + " cannot be matched against a text of " +
                     std::to_string(subject.size()) + " bytes (PCRE2: " + pcre2_message(result) + ")");
  const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(state.data);
  return Span{ends[0], ends[1]};
}

}  // namespace kvcompare
