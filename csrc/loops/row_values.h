// A value that each of some rows has.
#pragma once

#include "../formulas/rows/expressions.h"
#include "index_sequence.h"

NPFUSE_FORMULAS_BEGIN

// What consists of several numbers lies in an array for each, so that a vector can run across rows.
template <class V, ptrdiff_t rows>
class RowValues {
public:
    using Stored = const RowValues&;
    using Value = V;
    static constexpr bool is_costly = false;

    NPFUSE_FORMULA V operator[](ptrdiff_t r) const { return value_of(r, Indices()); }
    NPFUSE_FORMULA void set(ptrdiff_t r, V value) { set_parts(r, value, Indices()); }
    template <class Place>
    NPFUSE_FORMULA auto at(const Place& place) const {
        return place.value_of(*this);
    }

private:
    using Parts = Components<V>;
    using Indices = typename MakeIndexSequence<Parts::count>::type;

    template <int... part>
    NPFUSE_FORMULA V value_of(ptrdiff_t r, IndexSequence<part...>) const {
        return Parts::made_of(numbers_[part][r]...);
    }
    template <int... part>
    NPFUSE_FORMULA void set_parts(ptrdiff_t r, V value, IndexSequence<part...>) {
        ((numbers_[part][r] = Parts::template get<part>(value)), ...);
    }

    alignas(rows > 1 ? 64 : alignof(V)) typename Parts::Number numbers_[Parts::count][rows];
};

NPFUSE_FORMULAS_END
