// A value that each of some rows has.
#pragma once

#include "../formulas/rows/expressions.h"

NPFUSE_FORMULAS_BEGIN

// What consists of several numbers lies in an array for each, so that a vector can run across rows.
template <class V, ptrdiff_t rows>
class RowValues {
public:
    using Stored = const RowValues&;
    using Value = V;
    static constexpr bool is_costly = false;

    NPFUSE_FORMULA V operator[](ptrdiff_t r) const {
        if constexpr (Parts::count == 1)
            return numbers_[0][r];
        else if constexpr (Parts::count == 2)
            return {numbers_[0][r], numbers_[1][r]};
        else
            return {{numbers_[0][r], numbers_[1][r], numbers_[2][r]}};
    }
    NPFUSE_FORMULA void set(ptrdiff_t r, V value) {
        numbers_[0][r] = Parts::template get<0>(value);
        if constexpr (Parts::count > 1) numbers_[1][r] = Parts::template get<1>(value);
        if constexpr (Parts::count > 2) numbers_[2][r] = Parts::template get<2>(value);
    }
    template <class Place>
    NPFUSE_FORMULA auto at(const Place& place) const {
        return place.value_of(*this);
    }

private:
    using Parts = Components<V>;
    alignas(rows > 1 ? 64 : alignof(V)) typename Parts::Number numbers_[Parts::count][rows];
};

NPFUSE_FORMULAS_END
