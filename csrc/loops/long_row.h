// A pass over one row, block by block: one longer than a block, one that is not contiguous in the computing type and
// too long to be copied, or one that threads share. The bits are those of any other row.
#pragma once

#include "find_first.h"
#include "row_blocks.h"
#include "row_values.h"
#include "runs.h"

NPFUSE_FORMULAS_BEGIN

template <class T, int inputs>
class LongRow {
public:
    using Number = T;
    template <class V>
    using Values = RowValues<V, 1>;

    // A block of the row, whose numbers an expression loads when it asks for them.
    struct Place {
        const LongRow& pass;
        ptrdiff_t begin, count;
        T* loaded;   // a block for each input
        T* results;  // where kept numbers are worked out anew, if they are not in place

        template <int i>
        NPFUSE_FORMULA Numbers<T> input() const {
            const StridedRow<T>& in = pass.in_[i];
            if (in.is_direct) return {pass.direct_input(i) + begin};
            return {in.load(in.first + begin * in.stride, in.stride, count, loaded + i * block_length)};
        }
        template <class V>
        NPFUSE_FORMULA Constant<V> value_of(const Values<V>& values) const {
            return {values[0]};
        }
        NPFUSE_FORMULA Positions position() const { return {begin}; }
        template <class Expression>
        NPFUSE_FORMULA Numbers<T> kept(const Expression& expression) const {
            if (pass.keeps_) return {pass.direct_output(begin)};
            write_elements(expression, *this, count, results);
            return {results};
        }
        NPFUSE_FORMULA bool is_input(const T* y) const {
            for (int i = 0; i < inputs; ++i)
                if (y == reinterpret_cast<const T*>(pass.in_[i].first) + begin) return true;
            return false;
        }
    };

    // The output's first is null where there is none.
    NPFUSE_FORMULA LongRow(const StridedRow<T>* in, const StridedRow<T>& out, ptrdiff_t n, const RunSharing* sharing)
        : in_(in), out_(out), n_(n), runs_(n, sharing), keeps_(out.first && out.is_direct && out.length == n) {}

    NPFUSE_FORMULA ptrdiff_t length() const { return n_; }
    NPFUSE_FORMULA bool has_output() const { return out_.first; }

    template <int i>
    NPFUSE_FORMULA Input<i> input() const {
        return {};
    }
    template <int i>
    NPFUSE_FORMULA Values<T> number() const {
        return of_row(stored<i>(0));
    }

    template <int i>
    NPFUSE_FORMULA Values<T> max(Input<i> x) const {
        if (n_ == 0) return of_row(-Format<T>::infinity);
        const T first = stored<i>(0);
        if (is_at_hand(i)) return of_row(larger_maximum(first, direct_input(i), n_));
        return of_row(runs_.combined(
            first,
            [&](ptrdiff_t begin, ptrdiff_t end) {
                T largest = first;
                each_block(begin, end, [&](const Place& place) NPFUSE_LAMBDA {
                    largest = larger_maximum(largest, x.at(place).first, place.count);
                });
                return largest;
            },
            [](T a, T b) { return b > a ? b : a; }));
    }
    template <int i>
    NPFUSE_FORMULA Values<ptrdiff_t> find_first(Input<i> x, const Values<T>& values) const {
        if (is_at_hand(i)) return of_row(find_value(direct_input(i), n_, values[0]));
        return of_row(runs_.combined(
            n_,
            [&, value = values[0]](ptrdiff_t begin, ptrdiff_t end) {
                ptrdiff_t found = n_;
                each_block(begin, end, [&](const Place& place) NPFUSE_LAMBDA {
                    if (found < n_) return;
                    const ptrdiff_t i_found = find_value(x.at(place).first, place.count, value);
                    if (i_found < place.count) found = place.begin + i_found;
                });
                return found;
            },
            [](ptrdiff_t a, ptrdiff_t b) { return b < a ? b : a; }));
    }

    template <class Expression, class Index>
    NPFUSE_FORMULA Values<T> gather(const Expression& expression, const Values<Index>& position) const {
        const ptrdiff_t j = position[0];
        T loaded[inputs * block_length], result[1];
        return of_row(0 <= j && j < n_ ? expression.at(Place{*this, j, 1, loaded, result})(0) : T(0));
    }

    // Kept in the output's place while it is summed, if that does not round.
    template <class Expression>
    NPFUSE_FORMULA Kept<Expression> keep(const Expression& expression) const {
        return {expression};
    }
    template <class Expression>
    NPFUSE_FORMULA Values<double> sum(const Kept<Expression>& kept) const {
        return sum_of_blocks([&](const Place& place, LaneSum& run) NPFUSE_LAMBDA {
            T* const to = keeps_ ? direct_output(place.begin) : place.results;
            write_elements(kept.expression, place, place.count, to);
            run.add(to, place.count);
        });
    }
    template <class Expression>
    NPFUSE_FORMULA Values<double> sum(const Expression& expression) const {
        return sum_of_blocks([&](const Place& place, LaneSum& run) NPFUSE_LAMBDA {
            if constexpr (is_summed_from_memory<Expression>) {
                write_elements(expression, place, place.count, place.results);
                run.add(place.results, place.count);
            } else {
                run.add(place.count, expression.at(place));
            }
        });
    }

    template <class Function, class... V>
    NPFUSE_FORMULA auto each_row(const Function& function, const Values<V>&... values) const {
        return of_row(function(values[0]...));
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
    NPFUSE_FORMULA Values<V> where(const Predicate& is_other, const Values<V>& value, const Others& others) const {
        return is_other(value[0]) ? others(*this) : value;
    }

    template <class Expression>
    NPFUSE_FORMULA void store(const Expression& expression) const {
        runs_.each([&](ptrdiff_t begin, ptrdiff_t end) {
            each_block(begin, end, [&](const Place& place) NPFUSE_LAMBDA {
                if (out_.is_direct) return write_elements(expression, place, place.count, direct_output(place.begin));
                write_elements(expression, place, place.count, place.results);
                out_.store(place.results, out_.first + place.begin * out_.stride, out_.stride, place.count);
            });
        });
    }
    NPFUSE_FORMULA void store_number(const Values<T>& values) const {
        const T value = values[0];
        if (out_.is_direct)
            *direct_output(0) = value;
        else
            out_.store(&value, out_.first, out_.stride, 1);
    }

private:
    template <class V>
    NPFUSE_FORMULA static Values<V> of_row(const V& value) {
        Values<V> values;
        values.set(0, value);
        return values;
    }

    // Whether a row needs neither blocks nor runs.
    NPFUSE_FORMULA bool is_at_hand(int i) const { return in_[i].is_direct && !runs_.are_shared(); }
    NPFUSE_FORMULA const T* direct_input(int i) const { return reinterpret_cast<const T*>(in_[i].first); }
    NPFUSE_FORMULA T* direct_output(ptrdiff_t begin) const { return reinterpret_cast<T*>(out_.first) + begin; }

    template <int i>
    NPFUSE_FORMULA T stored(ptrdiff_t j) const {
        T loaded[inputs * block_length];
        return Place{*this, j, 1, loaded, nullptr}.template input<i>()(0);
    }

    template <class Body>
    NPFUSE_FORMULA void each_block(ptrdiff_t begin, ptrdiff_t end, Body body) const {
        alignas(64) T loaded[inputs * block_length], results[block_length];
        for (; begin < end; begin += block_length)
            body(Place{*this, begin, smaller(end - begin, block_length), loaded, results});
    }
    template <class AddBlock>
    NPFUSE_FORMULA Values<double> sum_of_blocks(AddBlock add_block) const {
        return of_row(runs_.sum([&](ptrdiff_t begin, ptrdiff_t end) {
            LaneSum run;
            each_block(begin, end, [&](const Place& place) NPFUSE_LAMBDA { add_block(place, run); });
            return run.total();
        }));
    }

    const StridedRow<T>* const in_;
    const StridedRow<T>& out_;
    const ptrdiff_t n_;
    const Runs runs_;
    const bool keeps_;
};

NPFUSE_FORMULAS_END
