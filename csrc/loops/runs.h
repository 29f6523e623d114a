// The runs in which a row is summed: who computes which changes no bit.
#pragma once

#include "../formulas/language.h"
#include "../table.h"

NPFUSE_FORMULAS_BEGIN

// The runs of one row, one after the other or shared by threads.
class Runs {
public:
    Runs(ptrdiff_t n, const RunSharing* sharing) : n_(n), sharing_(sharing) {}

    bool are_shared() const { return sharing_; }

    // Calls body(begin, end) for every run.
    template <class Body>
    void each(Body body) const {
        for_ranges([&](ptrdiff_t first, ptrdiff_t last) {
            for (ptrdiff_t run = first; run < last; ++run) body(run * run_length, end_of(run));
        });
    }

    // What combine makes, in order, of a number and those of the runs, number_of(begin, end).
    template <class Number, class NumberOf, class Combine>
    Number combined(Number result, NumberOf number_of, Combine combine) const {
        if (!sharing_) {
            each([&](ptrdiff_t begin, ptrdiff_t end) { result = combine(result, number_of(begin, end)); });
            return result;
        }
        static_assert(sizeof(Number) <= run_buffer_size);
        Number* const numbers = static_cast<Number*>(sharing_->buffer);
        each([&](ptrdiff_t begin, ptrdiff_t end) { numbers[begin / run_length] = number_of(begin, end); });
        for (ptrdiff_t run = 0; run < run_count(n_); ++run) result = combine(result, numbers[run]);
        return result;
    }

    template <class SumOf>
    double sum(SumOf sum_of) const {
        return combined(0.0, sum_of, [](double a, double b) { return a + b; });
    }

private:
    ptrdiff_t end_of(ptrdiff_t run) const { return (run + 1) * run_length < n_ ? (run + 1) * run_length : n_; }

    template <class Body>
    void for_ranges(Body body) const {
        if (!sharing_) return body(0, run_count(n_));
        sharing_->over(
            run_count(n_),
            [](void* context, ptrdiff_t first, ptrdiff_t last) { (*static_cast<Body*>(context))(first, last); }, &body);
    }

    const ptrdiff_t n_;
    const RunSharing* const sharing_;
};

NPFUSE_FORMULAS_END
