// 0, 1, ... as template arguments.
#pragma once

#include "../formulas/language.h"

NPFUSE_FORMULAS_BEGIN

template <int... I>
struct Indices {};
template <int n, int... I>
struct IndicesUpTo : IndicesUpTo<n - 1, n - 1, I...> {};
template <int... I>
struct IndicesUpTo<0, I...> {
    using type = Indices<I...>;
};

NPFUSE_FORMULAS_END
