// A message between ranks. What is none is refused; what is one stays the same when it is sent on.
#include "common/messages/messages.h"

#include "tests/fuzz/refusal.h"
#include "tests/fuzz/targets.h"

namespace kvcompare::fuzz {

void messages(std::string_view input) {
  Message message;
  if (!is_accepted([&] { message = decode(input); }, ExitCode::kInternal, "message")) return;
  const auto bytes = encode(message);
  expect(encode(decode(bytes)) == bytes, "a message that changes when it is sent on");
}

}  // namespace kvcompare::fuzz
