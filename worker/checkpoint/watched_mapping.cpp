#include "worker/checkpoint/watched_mapping.h"

#include <atomic>
#include <csignal>
#include <memory>
#include <mutex>
#include <string_view>
#include <utility>

#include <unistd.h>

#include "common/errors.h"
#include "common/printable.h"

namespace kvcompare {

// What the handler of SIGBUS may say. It does not change once the handler can see it.
struct WatchedMapping::Messages {
  struct Part {
    std::uint64_t begin;
    std::uint64_t end;
    std::string text;
  };
  std::vector<Part> parts;
  std::string of_the_file;

  const std::string& at(std::uint64_t offset) const {
    for (const auto& part : parts)
      if (offset >= part.begin && offset < part.end) return part.text;
    return of_the_file;
  }
};

// A place in the list that the handler reads. It is never freed, only used again, so the handler can read the
// list while other threads open and close files. The messages are read only if the address belongs to the
// mapping; then the mapping is in use, and nobody removes it.
struct WatchedMapping::Slot {
  std::atomic<std::uintptr_t> begin = 0;
  std::atomic<std::uintptr_t> end = 0;  // 0: the place is free
  std::atomic<const Messages*> messages = nullptr;
  std::vector<std::unique_ptr<const Messages>> owned;  // the handler may still read an earlier one
  const WatchedMapping* mapping = nullptr;
  Slot* next = nullptr;
};

namespace {

constexpr std::string_view kLost = "cannot be read any more: the file was cut off, or its disk fails";

std::string line_of(const std::string& file, const std::string& part) {
  return printable("kvcompare: error: " + file + ": " + (part.empty() ? "" : part + ": ")) +
         std::string(kLost) + "\n";
}

std::int64_t nanoseconds(const timespec& time) {
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

// The state that a signal handler can reach.
class WatchedMappings {
 public:
  using Slot = WatchedMapping::Slot;
  using Messages = WatchedMapping::Messages;

  static Slot* add(const WatchedMapping& mapping, std::span<const char> bytes) {
    const std::lock_guard lock(mutex());
    static const bool handles = handle_bus_errors();
    static_cast<void>(handles);
    Slot* slot = first().load();
    while (slot != nullptr && slot->end != 0) slot = slot->next;
    if (slot == nullptr) {
      slot = new Slot;  // never freed, see there
      slot->next = first().load();
      first() = slot;
    }
    slot->mapping = &mapping;
    show(*slot, {{}, line_of(mapping.file_.string(), "")});
    slot->begin = reinterpret_cast<std::uintptr_t>(bytes.data());
    slot->end = slot->begin + bytes.size();
    return slot;
  }

  static void name(Slot& slot, Messages messages) {
    const std::lock_guard lock(mutex());
    show(slot, std::move(messages));
  }

  static void remove(Slot& slot) {
    const std::lock_guard lock(mutex());
    slot.end = 0;
    slot.begin = 0;
    slot.messages = nullptr;
    slot.owned.clear();
    slot.mapping = nullptr;
  }

  static void check() {
    const std::lock_guard lock(mutex());
    for (Slot* slot = first(); slot != nullptr; slot = slot->next)
      if (slot->mapping != nullptr) slot->mapping->check_unchanged();
  }

 private:
  static std::mutex& mutex() {
    static std::mutex one;
    return one;
  }
  static std::atomic<Slot*>& first() {
    static std::atomic<Slot*> slot = nullptr;
    return slot;
  }

  static void show(Slot& slot, Messages messages) {
    slot.owned.push_back(std::make_unique<const Messages>(std::move(messages)));
    slot.messages = slot.owned.back().get();
  }

  static bool handle_bus_errors() {
    first();  // is initialised before a handler reads it
    struct sigaction action = {};
    action.sa_sigaction = end_or_die;
    sigemptyset(&action.sa_mask);
    action.sa_flags = SA_SIGINFO;
    return ::sigaction(SIGBUS, &action, nullptr) == 0;
  }

  // Calls nothing but what a signal handler may call.
  static void end_or_die(int, siginfo_t* what, void*) {
    const auto address = reinterpret_cast<std::uintptr_t>(what->si_addr);
    for (Slot* slot = first(); slot != nullptr && what->si_code > 0; slot = slot->next) {
      if (address < slot->begin || address >= slot->end) continue;
      const auto& text = slot->messages.load()->at(address - slot->begin);
      [[maybe_unused]] const auto n = ::write(STDERR_FILENO, text.data(), text.size());
      ::_exit(static_cast<int>(ExitCode::kBadInput));
    }
    std::signal(SIGBUS, SIG_DFL);
    std::raise(SIGBUS);
  }
};

WatchedMapping::WatchedMapping(std::span<const char> bytes, std::filesystem::path file,
                               const struct ::stat& status)
    : file_(std::move(file)), status_(status), slot_(WatchedMappings::add(*this, bytes)) {}

WatchedMapping::~WatchedMapping() { WatchedMappings::remove(*slot_); }

void WatchedMapping::name_parts(const std::vector<NamedPart>& parts) {
  Messages messages{{}, line_of(file_.string(), "")};
  for (const auto& part : parts)
    messages.parts.push_back({part.begin, part.end, line_of(file_.string(), part.name)});
  WatchedMappings::name(*slot_, std::move(messages));
}

void WatchedMapping::check_unchanged() const {
  struct stat now {};
  const bool is_there = ::stat(file_.c_str(), &now) == 0;
  if (!is_there || now.st_dev != status_.st_dev || now.st_ino != status_.st_ino) return;
  if (now.st_size == status_.st_size && nanoseconds(now.st_mtim) == nanoseconds(status_.st_mtim)) return;
  throw CheckpointError(file_.string(), "",
                        "was changed while it was in use (it had " + std::to_string(status_.st_size) +
                            " bytes, now it has " + std::to_string(now.st_size) +
                            "); what is done is safe, but a model must not change during a run");
}

void check_mapped_files_unchanged() { WatchedMappings::check(); }

}  // namespace kvcompare
