#include "common/tokenizer/unicode_form.h"

#include <algorithm>
#include <cstdlib>
#include <memory>

#include <utf8proc.h>

#include "common/errors.h"
#include "common/tokenizer/unicode_ten.h"
#include "common/utf8.h"

namespace kvcompare {
namespace {

constexpr char32_t kFirstCombining = 0x300;  // a text whose characters are all below is in NFC

// True if NFC never changes this character, whatever stands before it. False does not mean that NFC changes
// it.
bool inert_in_nfc(char32_t c) {
  if (c < kFirstCombining) return true;
  if (c >= 0x1100 && c <= 0x11FF) return false;  // conjoining Jamo
  if (c >= 0xAC00 && c <= 0xD7A3) return true;   // Hangul syllables
  const utf8proc_property_t* property = utf8proc_get_property(static_cast<utf8proc_int32_t>(c));
  const bool mark = property->category == UTF8PROC_CATEGORY_MN ||
                    property->category == UTF8PROC_CATEGORY_MC || property->category == UTF8PROC_CATEGORY_ME;
  const bool canonical_decomposition = property->decomp_seqindex != UINT16_MAX && property->decomp_type == 0;
  return !mark && property->combining_class == 0 && !canonical_decomposition;
}

bool surely_nfc(const std::string& text) {
  for (std::size_t at = 0; at < text.size();) {
    if (static_cast<unsigned char>(text[at]) < 0x80) {
      ++at;
      continue;
    }
    const CodePoint c = decode_utf8(text, at);
    if (!inert_in_nfc(c.value)) return false;
    at += c.n_bytes;
  }
  return true;
}

utf8proc_option_t options_of(UnicodeForm form) {
  switch (form) {
    case UnicodeForm::kNfc:
      return static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    case UnicodeForm::kNfd:
      return static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE);
    case UnicodeForm::kNfkc:
      return static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT);
    case UnicodeForm::kNfkd:
      break;
  }
  return static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT);
}

void append_form(std::string& out, std::string_view text, UnicodeForm form) {
  if (text.empty()) return;
  utf8proc_uint8_t* mapped = nullptr;
  const utf8proc_ssize_t n_bytes =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                   static_cast<utf8proc_ssize_t>(text.size()), &mapped, options_of(form));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(mapped, &std::free);
  if (n_bytes < 0) throw InvariantError(std::string("utf8proc: ") + utf8proc_errmsg(n_bytes));
  out.append(reinterpret_cast<const char*>(mapped), static_cast<std::size_t>(n_bytes));
}

// The least that may be a block: a character, with the characters after it whose combining class is not 0.
std::size_t least_block_end(std::string_view text, std::size_t begin) {
  std::size_t end = begin + decode_utf8(text, begin).n_bytes;
  while (end < text.size()) {
    const CodePoint c = decode_utf8(text, end);
    if (c.value < kFirstCombining ||
        utf8proc_get_property(static_cast<utf8proc_int32_t>(c.value))->combining_class == 0)
      break;
    end += c.n_bytes;
  }
  return end;
}

// True if no form changes these characters, whatever stands before or behind them.
bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

}  // namespace

// A block begins with a character of combining class 0, which nothing behind it is moved over. So two
// neighbours do not touch each other if the form of both together is that of each, and then neither do blocks
// further apart.
std::vector<FormBlock> form_blocks(std::string_view text, UnicodeForm form) {
  std::vector<FormBlock> blocks;
  std::string last;  // what the last block becomes
  std::size_t last_begin = 0;
  const auto put = [&](std::size_t end, std::string formed) {
    blocks.push_back({end - last_begin, formed.size(), formed == text.substr(last_begin, end - last_begin)});
    last = std::move(formed);
  };
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = least_block_end(text, begin);
    const std::string_view own = text.substr(begin, end - begin);
    auto formed = is_ascii(own) ? std::string(own) : to_unicode_form(std::string(own), form);
    if (!is_ascii(own) && !blocks.empty()) {
      auto together = to_unicode_form(std::string(text.substr(last_begin, end - last_begin)), form);
      if (together != last + formed) {
        blocks.pop_back();
        put(end, std::move(together));
        begin = end;
        continue;
      }
    }
    last_begin = begin;
    put(end, std::move(formed));
    begin = end;
  }
  return blocks;
}

std::string to_unicode_form(std::string text, UnicodeForm form) {
  if (form == UnicodeForm::kNfc && surely_nfc(text)) return text;
  const std::string_view all = text;
  std::string out;
  out.reserve(text.size());
  std::size_t done = 0;
  for (std::size_t at = 0; at < all.size();) {
    const CodePoint c = decode_utf8(all, at);
    if (normalised_only_since_unicode_10(c.value)) {
      append_form(out, all.substr(done, at - done), form);
      out += all.substr(at, c.n_bytes);
      done = at + c.n_bytes;
    }
    at += c.n_bytes;
  }
  append_form(out, all.substr(done), form);
  return out;
}

}  // namespace kvcompare
