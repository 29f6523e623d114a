// A pass over a few short contiguous rows, step by step for all, so that none waits for the sum of the one before and a
// vector holds all their logarithms.
#pragma once

#include "find_first.h"
#include "row_blocks.h"
#include "row_values.h"

NPFUSE_FORMULAS_BEGIN

template <class T, int inputs>
class InterleavedRows {
public:
    using Number = T;
    static constexpr ptrdiff_t most = 8;
    template <class V>
    using Values = RowValues<V, most>;

    // The longest row, and as many as a cache holds of others.
    static constexpr ptrdiff_t longest = block_length;
    static ptrdiff_t rows_at_once(ptrdiff_t n) { return n <= 2 * longest / most ? most : 2; }

    // One row of each input, and of the output: null where there is none.
    struct Row {
        const T* in[inputs];
        T* out;
    };

    struct Place {
        const InterleavedRows& pass;
        ptrdiff_t row;
        static constexpr ptrdiff_t begin = 0;

        template <int i>
        NPFUSE_FORMULA Numbers<T> input() const {
            return {pass.rows_[row].in[i]};
        }
        template <class V>
        NPFUSE_FORMULA Constant<V> value_of(const Values<V>& values) const {
            return {values[row]};
        }
        NPFUSE_FORMULA Positions position() const { return {0}; }
        template <class Expression>
        NPFUSE_FORMULA Numbers<T> kept(const Expression&) const {
            return {pass.buffer(row)};
        }
        NPFUSE_FORMULA bool is_input(const T* y) const {
            for (int i = 0; i < inputs; ++i)
                if (y == pass.rows_[row].in[i]) return true;
            return false;
        }
    };

    NPFUSE_FORMULA InterleavedRows(const Row* rows, ptrdiff_t n, ptrdiff_t count, bool has_output)
        : rows_(rows), n_(n), count_(count), has_output_(has_output) {}

    NPFUSE_FORMULA ptrdiff_t length() const { return n_; }
    NPFUSE_FORMULA bool has_output() const { return has_output_; }

    template <int i>
    NPFUSE_FORMULA Input<i> input() const {
        return {};
    }
    template <int i>
    NPFUSE_FORMULA Values<T> number() const {
        return of_rows<T>([&](ptrdiff_t r) NPFUSE_LAMBDA { return *rows_[r].in[i]; });
    }

    template <int i>
    NPFUSE_FORMULA Values<T> max(Input<i>) const {
        return of_rows<T>([&](ptrdiff_t r) NPFUSE_LAMBDA {
            const T* x = rows_[r].in[i];
            return n_ > 0 ? larger_maximum(x[0], x, n_) : -Format<T>::infinity;
        });
    }
    template <int i>
    NPFUSE_FORMULA Values<ptrdiff_t> find_first(Input<i>, const Values<T>& values) const {
        return of_rows<ptrdiff_t>([&](ptrdiff_t r) NPFUSE_LAMBDA { return find_value(rows_[r].in[i], n_, values[r]); });
    }

    // Of one element of each row: 0 where the position is none.
    template <class Expression, class Index>
    NPFUSE_FORMULA Values<T> gather(const Expression& expression, const Values<Index>& positions) const {
        return of_rows<T>([&](ptrdiff_t r) NPFUSE_LAMBDA {
            const ptrdiff_t j = positions[r];
            return 0 <= j && j < n_ ? expression.at(place(r))(j) : T(0);
        });
    }

    // Kept in the output's place, if it is as long as a row.
    template <class Expression>
    NPFUSE_FORMULA Kept<Expression> keep(const Expression& expression) const {
        write_to_buffers(expression);
        return {expression};
    }
    template <class Expression>
    NPFUSE_FORMULA Values<double> sum(const Kept<Expression>&) const {
        return of_rows<double>([&](ptrdiff_t r) NPFUSE_LAMBDA { return LaneSum::of(buffer(r), n_); });
    }
    template <class Expression>
    NPFUSE_FORMULA Values<double> sum(const Expression& expression) const {
        if constexpr (is_summed_from_memory<Expression>) {
            each_row_of_rows([&](ptrdiff_t r)
                                 NPFUSE_LAMBDA { write_elements(expression, place(r), n_, scratch_ + r * n_); });
            return of_rows<double>([&](ptrdiff_t r) NPFUSE_LAMBDA { return LaneSum::of(scratch_ + r * n_, n_); });
        } else {
            return of_rows<double>([&](ptrdiff_t r) NPFUSE_LAMBDA { return LaneSum::of(n_, expression.at(place(r))); });
        }
    }

    template <class Function, class... V>
    NPFUSE_FORMULA auto each_row(const Function& function, const Values<V>&... values) const {
        Values<decltype(function(values[0]...))> results = {};
#pragma omp simd
        for (ptrdiff_t r = 0; r < most; ++r) results.set(r, function(values[r]...));
        return results;
    }
    template <class Function, class... V>
    NPFUSE_FORMULA auto derived(const Function& function, const Values<V>&... values) const {
        return each_row(function, values...);
    }

    // What a function finds out, or 0.
    template <class Find>
    NPFUSE_FORMULA auto values_if(bool is_wanted, const Find& find) const {
        decltype(find(*this)) values = {};
        if (is_wanted) values = find(*this);
        return values;
    }
    // The values, but where `is_other` says so, of what `others` finds out about such rows.
    template <class Predicate, class V, class Others>
    NPFUSE_FORMULA Values<V> where(const Predicate& is_other, Values<V> values, const Others& others) const {
        unsigned selected = 0;
        for (ptrdiff_t r = 0; r < count_; ++r) selected |= unsigned(is_other(values[r])) << r;
        if (!selected) return values;
        selected_ = selected;
        const Values<V> results = others(*this);
        each_row_of_rows([&](ptrdiff_t r) NPFUSE_LAMBDA { values.set(r, results[r]); });
        selected_ = ~0u;
        return values;
    }

    template <class Expression>
    NPFUSE_FORMULA void store(const Expression& expression) const {
        each_row_of_rows([&](ptrdiff_t r) NPFUSE_LAMBDA { write_elements(expression, place(r), n_, rows_[r].out); });
    }
    NPFUSE_FORMULA void store_number(const Values<T>& values) const {
        each_row_of_rows([&](ptrdiff_t r) NPFUSE_LAMBDA { *rows_[r].out = values[r]; });
    }

private:
    NPFUSE_FORMULA Place place(ptrdiff_t r) const { return {*this, r}; }
    NPFUSE_FORMULA T* buffer(ptrdiff_t r) const { return has_output_ ? rows_[r].out : scratch_ + r * n_; }

    template <class Body>
    NPFUSE_FORMULA void each_row_of_rows(Body body) const {
        for (ptrdiff_t r = 0; r < count_; ++r)
            if (selected_ >> r & 1) body(r);
    }
    template <class V, class Function>
    NPFUSE_FORMULA Values<V> of_rows(Function function) const {
        Values<V> results = {};
        each_row_of_rows([&](ptrdiff_t r) NPFUSE_LAMBDA { results.set(r, function(r)); });
        return results;
    }
    template <class Expression>
    NPFUSE_FORMULA void write_to_buffers(const Expression& expression) const {
        each_row_of_rows([&](ptrdiff_t r) NPFUSE_LAMBDA { write_elements(expression, place(r), n_, buffer(r)); });
    }

    const Row* const rows_;
    const ptrdiff_t n_, count_;
    const bool has_output_;
    mutable unsigned selected_ = ~0u;  // a bit for each row that steps are for
    mutable T scratch_[2 * longest];
};

NPFUSE_FORMULAS_END
