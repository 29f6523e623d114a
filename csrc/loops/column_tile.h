// A pass over a tile of rows that are columns in memory, as along axis 0 or short rows transposed: the vector runs
// across them. Each has the order of summation that LaneSum gives a row, so the bits are the same.
#pragma once

#include "column_tile_sums.h"
#include "row_blocks.h"
#include "row_values.h"

NPFUSE_FORMULAS_BEGIN

// A tile of so many columns, or, where the width is not known when compiled, of fewer. Index is what counts positions.
template <class T, int inputs, ptrdiff_t tile, class Width, class Index>
class ColumnTile {
public:
    using Number = T;
    template <class V>
    using Values = RowValues<V, tile>;

    // Element j of every column. What is asked for is then a function of the column.
    struct Place {
        const ColumnTile& pass;
        ptrdiff_t j;

        template <int i>
        NPFUSE_FORMULA Numbers<T> input() const {
            return {pass.in_[i].row(j)};
        }
        template <class V>
        NPFUSE_FORMULA auto value_of(const Values<V>& values) const {
            return [&values](ptrdiff_t c) NPFUSE_LAMBDA { return values[c]; };
        }
        NPFUSE_FORMULA Constant<Index> position() const { return {Index(j)}; }
        template <class Expression>
        NPFUSE_FORMULA Numbers<T> kept(const Expression&) const {
            return {pass.out_.row(j)};
        }
    };

    NPFUSE_FORMULA ColumnTile(const Matrix<T>* in, const Matrix<T>& out, ptrdiff_t n, Width columns, bool has_output)
        : out_(out), n_(n), columns_(columns), has_output_(has_output) {
        for (int i = 0; i < inputs; ++i) in_[i] = in[i];
    }

    NPFUSE_FORMULA ptrdiff_t length() const { return n_; }
    NPFUSE_FORMULA bool has_output() const { return has_output_; }

    template <int i>
    NPFUSE_FORMULA Input<i> input() const {
        return {};
    }
    template <int i>
    NPFUSE_FORMULA Values<T> number() const {
        return of_columns<T>([&](ptrdiff_t c) NPFUSE_LAMBDA { return in_[i].first[c]; });
    }

    template <int i>
    NPFUSE_FORMULA Values<T> max(Input<i>) const {
        const Matrix<T>& x = in_[i];
        constexpr ptrdiff_t unroll = 4;  // a maximum stays in its register so long
        Values<T> maxima = of_columns<T>([&](ptrdiff_t c) NPFUSE_LAMBDA { return x.first[c]; });
        ptrdiff_t j = 1;
        for (; j + unroll <= n_; j += unroll) {
            const T* row = x.row(j);
#pragma omp simd
            for (ptrdiff_t c = 0; c < columns_; ++c)
                maxima.set(c, larger_in_column<unroll>(maxima[c], row + c, x.stride));
        }
        for (; j < n_; ++j) {
            const T* row = x.row(j);
#pragma omp simd
            for (ptrdiff_t c = 0; c < columns_; ++c) maxima.set(c, row[c] > maxima[c] ? row[c] : maxima[c]);
        }
        return maxima;
    }
    template <int i>
    NPFUSE_FORMULA Values<Index> find_first(Input<i>, const Values<T>& values) const {
        Values<Index> found = of_columns<Index>([&](ptrdiff_t) NPFUSE_LAMBDA { return Index(n_); });
        for (ptrdiff_t j = n_ - 1; j >= 0; --j) {
            const T* row = in_[i].row(j);
#pragma omp simd
            for (ptrdiff_t c = 0; c < columns_; ++c) found.set(c, row[c] == values[c] ? Index(j) : found[c]);
        }
        return found;
    }

    template <class Expression>
    NPFUSE_FORMULA Values<T> gather(const Expression& expression, const Values<Index>& positions) const {
        Values<T> found;
        for (ptrdiff_t c = 0; c < columns_; ++c) {
            const Index j = positions[c];
            found.set(c, 0 <= j && j < Index(n_) ? expression.at(place(j))(c) : T(0));
        }
        return found;
    }

    // Kept in the output's place while it is summed.
    template <class Expression>
    NPFUSE_FORMULA Kept<Expression> keep(const Expression& expression) const {
        return {expression};
    }
    template <class Expression>
    NPFUSE_FORMULA Values<double> sum(const Kept<Expression>& kept) const {
        return sum_of([&](ptrdiff_t j, ptrdiff_t c) NPFUSE_LAMBDA {
            const T number = kept.expression.at(place(j))(c);
            out_.row(j)[c] = number;
            return number;
        });
    }
    template <class Expression>
    NPFUSE_FORMULA Values<double> sum(const Expression& expression) const {
        return sum_of([&](ptrdiff_t j, ptrdiff_t c) NPFUSE_LAMBDA { return expression.at(place(j))(c); });
    }

    template <class Function, class... V>
    NPFUSE_FORMULA auto each_row(const Function& function, const Values<V>&... values) const {
        Values<decltype(function(values[0]...))> results;
#pragma omp simd
        for (ptrdiff_t c = 0; c < columns_; ++c) results.set(c, function(values[c]...));
        return results;
    }
    template <class Function, class... V>
    NPFUSE_FORMULA auto derived(const Function& function, const Values<V>&... values) const {
        return each_row(function, values...);
    }
    template <class Find>
    NPFUSE_FORMULA auto values_if(bool is_wanted, const Find& find) const {
        decltype(find(*this)) values = {};
        if (is_wanted) values = find(*this);
        return values;
    }
    template <class Predicate, class V, class Others>
    NPFUSE_FORMULA Values<V> where(const Predicate& is_other, Values<V> values, const Others& others) const {
        int others_found = 0;
#pragma omp simd reduction(| : others_found)
        for (ptrdiff_t c = 0; c < columns_; ++c) others_found |= is_other(values[c]);
        if (!others_found) return values;
        const Values<V> results = others(*this);
        for (ptrdiff_t c = 0; c < columns_; ++c)
            if (is_other(values[c])) values.set(c, results[c]);
        return values;
    }

    template <class Expression>
    NPFUSE_FORMULA void store(const Expression& expression) const {
        for (ptrdiff_t j = 0; j < n_; ++j) {
            const auto function = expression.at(place(j));
            T* to = out_.row(j);
#pragma omp simd
            for (ptrdiff_t c = 0; c < columns_; ++c) to[c] = function(c);
        }
    }
    NPFUSE_FORMULA void store_number(const Values<T>& values) const {
#pragma omp simd
        for (ptrdiff_t c = 0; c < columns_; ++c) out_.first[c] = values[c];
    }

private:
    NPFUSE_FORMULA Place place(ptrdiff_t j) const { return {*this, j}; }

    // Not a loop: gcc would not vectorise the one around it.
    template <int count>
    NPFUSE_FORMULA static T larger_in_column(T maximum, const T* x, ptrdiff_t stride) {
        if constexpr (count == 0)
            return maximum;
        else
            return larger_in_column<count - 1>(*x > maximum ? *x : maximum, x + stride, stride);
    }
    template <class V, class Function>
    NPFUSE_FORMULA Values<V> of_columns(Function function) const {
        Values<V> results;
#pragma omp simd
        for (ptrdiff_t c = 0; c < columns_; ++c) results.set(c, function(c));
        return results;
    }
    template <class Term>
    NPFUSE_FORMULA Values<double> sum_of(Term term) const {
        sums_.add_up(n_, columns_, term);
        return of_columns<double>([&](ptrdiff_t c) NPFUSE_LAMBDA { return sums_.totals()[c]; });
    }

    Matrix<T> in_[inputs];
    const Matrix<T> out_;
    const ptrdiff_t n_;
    const Width columns_;
    const bool has_output_;
    mutable ColumnTileSums<tile> sums_;
};

NPFUSE_FORMULAS_END
