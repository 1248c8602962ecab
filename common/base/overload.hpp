// Overload: a visitor of a variant, made of lambdas.
#pragma once

namespace berkeley {

template <class... Ts>
struct Overload : Ts... {
    using Ts::operator()...;
};
// clang 14 does not yet deduce this by itself.
template <class... Ts>
Overload(Ts...) -> Overload<Ts...>;

}  // namespace berkeley
