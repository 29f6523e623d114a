// A constant table with an entry for every operation of a registry list.
#pragma once

#include "../formulas/registry.h"
#include "../span.h"

NPFUSE_FORMULAS_BEGIN

// What make.operator()<Operation>() says of every operation in a list, as a constant table.
template <class Operations, auto make>
struct Entries;
template <class First, class... Rest, auto make>
struct Entries<List<First, Rest...>, make> {
    using Entry = decltype(make.template operator()<First>());
    static constexpr Entry entries[] = {make.template operator()<First>(), make.template operator()<Rest>()...};
    static constexpr Span<Entry> span = {entries, 1 + sizeof...(Rest)};
};

NPFUSE_FORMULAS_END
