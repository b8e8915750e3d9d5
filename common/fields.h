// Visits the members of a plain struct one after the other. Code that writes or reads structs (messages, the
// journal, reports) uses these functions and keeps no list of members of its own, so that it cannot forget
// one. A plain struct is an aggregate without base classes and with at most kMostFields members.
//
//   for_each_member(object, visit)   calls visit(member) in the order of declaration
//   for_each_field(object, visit)    calls visit(field, member); for structs that describe their members:
//
//     struct Truncation {
//       std::int64_t n_samples = 0;
//       std::int64_t n_tokens = 0;
//       static constexpr std::array kFields{"samples", "tokens"};  // one entry a member, in the same order
//     };
//
// If kFields has an entry too many or too few, for_each_field does not compile. The number of members is
// found as Boost.PFR finds it: it is the largest number of initialisers that the struct takes.
#pragma once

#include <array>
#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>

namespace kvcompare {
namespace fields {

struct Anything {
  template <class T>
  operator T() const;  // NOLINT(google-explicit-constructor): it stands for any initialiser; not defined
};

template <class T, std::size_t... I>
constexpr bool takes(std::index_sequence<I...>) {
  return requires { T{(static_cast<void>(I), Anything{})...}; };
}

inline constexpr std::size_t kMostFields = 26;

template <class T, std::size_t n = kMostFields + 1>
constexpr std::size_t count() {
  static_assert(std::is_aggregate_v<T>);
  if constexpr (takes<T>(std::make_index_sequence<n>{})) {
    static_assert(n <= kMostFields, "a struct with more members than fields.h knows");
    return n;
  } else if constexpr (n == 0) {
    return 0;
  } else {
    return count<T, n - 1>();
  }
}

}  // namespace fields

template <class T>
inline constexpr std::size_t kNumberOfMembers = fields::count<std::remove_const_t<T>>();

// References to all members, const if the object is.
template <class T>
constexpr auto members_of(T& object) {
  constexpr auto kN = kNumberOfMembers<T>;
  if constexpr (kN == 0) {
    return std::tie();
  } else if constexpr (kN == 1) {
    auto& [a] = object;
    return std::tie(a);
  } else if constexpr (kN == 2) {
    auto& [a, b] = object;
    return std::tie(a, b);
  } else if constexpr (kN == 3) {
    auto& [a, b, c] = object;
    return std::tie(a, b, c);
  } else if constexpr (kN == 4) {
    auto& [a, b, c, d] = object;
    return std::tie(a, b, c, d);
  } else if constexpr (kN == 5) {
    auto& [a, b, c, d, e] = object;
    return std::tie(a, b, c, d, e);
  } else if constexpr (kN == 6) {
    auto& [a, b, c, d, e, f] = object;
    return std::tie(a, b, c, d, e, f);
  } else if constexpr (kN == 7) {
    auto& [a, b, c, d, e, f, g] = object;
    return std::tie(a, b, c, d, e, f, g);
  } else if constexpr (kN == 8) {
    auto& [a, b, c, d, e, f, g, h] = object;
    return std::tie(a, b, c, d, e, f, g, h);
  } else if constexpr (kN == 9) {
    auto& [a, b, c, d, e, f, g, h, i] = object;
    return std::tie(a, b, c, d, e, f, g, h, i);
  } else if constexpr (kN == 10) {
    auto& [a, b, c, d, e, f, g, h, i, j] = object;
    return std::tie(a, b, c, d, e, f, g, h, i, j);
  } else if constexpr (kN == 11) {
    auto& [a, b, c, d, e, f, g, h, i, j, k] = object;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k);
  } else if constexpr (kN == 12) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l] = object;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k, l);
  } else if constexpr (kN == 13) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m] = object;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m);
  } else if constexpr (kN == 14) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n] = object;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, n);
  } else if constexpr (kN == 15) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o] = object;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o);
  } else if constexpr (kN == 16) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = object;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p);
  } else if constexpr (kN == 17) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q] = object;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q);
  } else if constexpr (kN == 18) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r] = object;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r);
  } else if constexpr (kN == 19) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s] = object;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s);
  } else if constexpr (kN == 20) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t] = object;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t);
  } else if constexpr (kN == 21) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u] = object;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u);
  } else if constexpr (kN == 22) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v] = object;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v);
  } else if constexpr (kN == 23) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w] = object;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w);
  } else if constexpr (kN == 24) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x] = object;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x);
  } else if constexpr (kN == 25) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y] = object;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y);
  } else if constexpr (kN == 26) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z] = object;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z);
  }
}

template <class T, class Visit>
constexpr void for_each_member(T& object, const Visit& visit) {
  std::apply([&](auto&... member) { (visit(member), ...); }, members_of(object));
}

// Says what its members are called.
template <class T>
concept HasFields = requires {
  std::remove_cvref_t<T>::kFields;
};

template <HasFields T, class Visit>
constexpr void for_each_field(T& object, const Visit& visit) {
  constexpr auto& kFields = std::remove_const_t<T>::kFields;
  static_assert(kFields.size() == kNumberOfMembers<T>, "kFields names every member, and nothing else");
  auto members = members_of(object);
  [&]<std::size_t... I>(std::index_sequence<I...>) { (visit(kFields[I], std::get<I>(members)), ...); }
  (std::make_index_sequence<kFields.size()>{});
}

}  // namespace kvcompare
