// Numbers that are known when compiled: 0, 1, ... as template arguments, and one as a type.
#pragma once

#include <stddef.h>

#include "../formulas/language.h"

NPFUSE_FORMULAS_BEGIN

template <int... I>
struct IndexSequence {};
template <int n, int... I>
struct MakeIndexSequence : MakeIndexSequence<n - 1, n - 1, I...> {};
template <int... I>
struct MakeIndexSequence<0, I...> {
    using type = IndexSequence<I...>;
};

template <ptrdiff_t number>
struct IndexConstant {
    constexpr operator ptrdiff_t() const { return number; }
};

NPFUSE_FORMULAS_END
