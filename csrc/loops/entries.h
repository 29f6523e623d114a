// A constant table with an entry for every operation of a registry list.
#pragma once

#include "../formulas/registry.h"
#include "../span.h"

NPFUSE_FORMULAS_BEGIN

// What make says of every operation in a list, as a constant table. The argument names the operation: nvcc warns of a
// lambda whose template parameter no argument uses.
template <class Operation>
struct OperationTag {};

template <class Operations, auto make>
struct Entries;
template <class First, class... Rest, auto make>
struct Entries<List<First, Rest...>, make> {
    using Entry = decltype(make(OperationTag<First>()));
    static constexpr Entry entries[] = {make(OperationTag<First>()), make(OperationTag<Rest>())...};
    static constexpr Span<Entry> span = {entries, 1 + sizeof...(Rest)};
};

NPFUSE_FORMULAS_END
