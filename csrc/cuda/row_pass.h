// One call on a block's rows: element by element, the largest, and sums. How many threads work on a row, and whether
// they hold its numbers in registers, is the form's to say.
#pragma once

#include <type_traits>

#include "pack.h"
#include "table.h"
#include "tile_sums.h"

NPFUSE_FORMULAS_BEGIN

// Rows so short that a thread has one to itself. Where they follow each other, the block brings them in together.
struct ShortRows {
    static constexpr int threads = 64, width = 1, capacity = 16;
    static constexpr bool across = false, staged = true;
};

// A row by a warp, whose threads hold up to `capacity` numbers each.
template <int held>
struct WarpRows {
    static constexpr int threads = 256, width = 32, capacity = held;
    static constexpr bool across = false, staged = false;
};

// A row by a block, which reads it again for every pass: from the cache, if it is lucky.
struct LongRows {
    static constexpr int threads = 256, width = 256, capacity = 0;
    static constexpr bool across = false, staged = false;
};

// Rows that do not run along the last axis: neighbouring threads have neighbouring rows.
struct RowsAcross {
    static constexpr int threads = 512, width = 32, capacity = 0;
    static constexpr bool across = true, staged = false;
};

// An element of a row, as the thread meets it that works on it.
struct RowElement {
    int thread;
    long long j;  // in its row
    int k;        // among those that the thread holds
};

template <class T, int capacity>
struct Held {
    T numbers[capacity > 0 ? capacity : 1];
};

template <class S, class Form>
class RowPass {
public:
    using T = compute_t<S>;
    static constexpr int threads = Form::threads, width = Form::width, capacity = Form::capacity;
    using Groups = RowGroups<threads, width, Form::across>;
    static constexpr int rows = Groups::rows;

    static constexpr int depth = 4;
    using Tiles = TileSums<threads, 1, depth>;
    // Rows of an odd length, lest threads that read one below the other meet in a bank.
    struct Stage {
        S numbers[2][threads * (capacity | 1)];
    };

    struct Sums {
        double sums[threads];
    };

    struct Shared {
        T maxima[threads];
        long long found[threads];
        std::conditional_t<(width > lane_count), typename Tiles::Shared, Sums> sums;
        double beside[rows];
        Pair<T> pairs[rows];
        std::conditional_t<Form::staged, Stage, device::Nothing> stage;
    };

    NPFUSE_DEVICE RowPass(const device::RowsCall& call, const device::Block<threads>& block, Shared& shared)
        : call_(call), block_(block), shared_(shared) {
        each_thread([&](int thread) { start_[thread] = start_of(row(thread)); });
    }

    // Groups beyond the last row work on it too, and keep the result to themselves.
    NPFUSE_DEVICE long long row(int thread) const {
        const long long own = block_.index * rows + Groups::row_of(thread);
        return own < call_.rows ? own : call_.rows - 1;
    }
    NPFUSE_DEVICE bool is_own(int thread) const { return block_.index * rows + Groups::row_of(thread) < call_.rows; }
    static NPFUSE_DEVICE bool is_first(int thread) { return Groups::place_of(thread) == 0; }

    // Any element of the thread's row, from memory.
    NPFUSE_DEVICE T stored(int i, int thread, long long j) const {
        return to_compute(static_cast<const S*>(call_.inputs[i])[at(thread, j)]);
    }
    NPFUSE_DEVICE T number(int i, int thread) const {
        return to_compute(static_cast<const S*>(call_.inputs[i])[row(thread)]);
    }
    NPFUSE_DEVICE T input(int i, const RowElement& e) const {
        if constexpr (capacity > 0)
            return held_[i][e.thread].numbers[e.k];
        else
            return stored(i, e.thread, e.j);
    }

    // Brings an input's rows into the registers of forms that hold them; to be called before input().
    NPFUSE_DEVICE void hold(int i) {
        if constexpr (Form::staged) {
            if (call_.inner == 1) return hold_staged(i);
        }
        if constexpr (capacity > 0)
            each_element([&](const RowElement& e) { held_[i][e.thread].numbers[e.k] = stored(i, e.thread, e.j); });
    }

    // What f makes of an element of input i, which nobody asks for from now on: held in its place, or worked out anew.
    template <class F>
    NPFUSE_DEVICE auto kept(int i, F f) {
        if constexpr (capacity > 0) {
            each_element([&](const RowElement& e) { held_[i][e.thread].numbers[e.k] = f(e); });
            return [this, i](const RowElement& e) { return held_[i][e.thread].numbers[e.k]; };
        } else {
            return f;
        }
    }

    template <class Work>
    NPFUSE_DEVICE void each_thread(Work work) const {
        Groups::each(block_, work);
    }

    template <class Work>
    NPFUSE_DEVICE void each_element(Work work) const {
        each_thread([&](int thread) { each_element_of(thread, work); });
    }

    // Writes f(element) along the rows.
    template <class F>
    NPFUSE_DEVICE void write(F f) {
        if constexpr (Form::staged) {
            if (call_.inner == 1) return write_staged(f);
        }
        each_element([&](const RowElement& e) {
            if (is_own(e.thread)) from_compute(f(e), static_cast<S*>(call_.output)[at(e.thread, e.j)]);
        });
    }

    // NaN may be passed over: the sums that follow find it.
    NPFUSE_DEVICE void find_maxima(int i) const {
        constexpr T infinity = Format<T>::infinity;
        each_thread([&](int thread) {
            T maximum = -infinity;
            each_element_of(thread, [&](const RowElement& e) {
                const T next = input(i, e);
                maximum = next > maximum ? next : maximum;
            });
            shared_.maxima[thread] = maximum;
        });
        Groups::combine_all(block_, shared_.maxima, [](T a, T b) { return b > a ? b : a; });
    }
    NPFUSE_DEVICE T maximum(int thread) const { return Groups::first_of(shared_.maxima, thread); }

    NPFUSE_DEVICE RowTerms<T> terms(int thread) const { return RowTerms<T>::below(maximum(thread)); }

    template <class Term>
    NPFUSE_DEVICE void sum(Term term) const {
        if constexpr (width == 1)
            sum_by_one(term);
        else if constexpr (width == lane_count)
            sum_by_lanes(term);
        else
            sum_by_tiles(term);
    }
    NPFUSE_DEVICE double total(int thread) const { return Groups::first_of(shared_.sums.sums, thread); }

    // The sum of exp(x - maximum) without one element that is the maximum and whose term is 1.
    NPFUSE_DEVICE void sum_beside_maximum(int i) const {
        const auto summed = [&](int thread) { return SummedTerms<T>::below(maximum(thread)); };
        const auto term = [&](const RowElement& e) { return summed(e.thread).term(input(i, e)); };
        sum(term);
        block_.each([&](int thread) {
            if (is_first(thread))
                shared_.beside[Groups::row_of(thread)] = summed(thread).beside(maximum(thread), total(thread));
        });
        bool is_lost = false;
        for (double beside : shared_.beside) is_lost |= beside < lost_beside_one<T>;
        if (!is_lost) return;
        block_.each([](int) {});  // until everybody knows it
        // The maximum dominates so much that its own term has rounded the others away: they are added by themselves.
        find_first_maximum(i);
        sum([&](const RowElement& e) { return e.j == position(e.thread) ? T(0) : term(e); });
        block_.each([&](int thread) {
            double& beside = shared_.beside[Groups::row_of(thread)];
            if (is_first(thread) && beside < lost_beside_one<T>)
                beside = total(thread) / summed(thread).unit(maximum(thread));
        });
    }
    NPFUSE_DEVICE double total_beside_maximum(int thread) const { return shared_.beside[Groups::row_of(thread)]; }

    // One number more than the position of the last NaN, if there is one.
    NPFUSE_DEVICE void find_nan(int i) const {
        each_thread([&](int thread) {
            long long after = 0;
            each_element_of(thread, [&](const RowElement& e) {
                const T x = input(i, e);
                if (x != x) after = e.j + 1;
            });
            shared_.found[thread] = after;
        });
        Groups::combine_all(block_, shared_.found, [](long long a, long long b) { return b > a ? b : a; });
    }
    NPFUSE_DEVICE long long after_last_nan(int thread) const { return Groups::first_of(shared_.found, thread); }

    // The first position of the maximum; n where it is nowhere, as NaN is.
    NPFUSE_DEVICE void find_first_maximum(int i) const {
        each_thread([&](int thread) {
            long long first = call_.n;
            each_element_of(thread, [&](const RowElement& e) {
                if (input(i, e) == maximum(thread) && e.j < first) first = e.j;
            });
            shared_.found[thread] = first;
        });
        Groups::combine_all(block_, shared_.found, [](long long a, long long b) { return b < a ? b : a; });
    }
    NPFUSE_DEVICE long long position(int thread) const { return Groups::first_of(shared_.found, thread); }

    // Works out one pair for each row.
    template <class F>
    NPFUSE_DEVICE void prepare(F f) const {
        each_thread([&](int thread) {
            if (is_first(thread)) shared_.pairs[Groups::row_of(thread)] = f(thread);
        });
    }
    NPFUSE_DEVICE Pair<T> prepared(int thread) const { return shared_.pairs[Groups::row_of(thread)]; }

    // Writes one number for each row.
    template <class F>
    NPFUSE_DEVICE void write_number(F f) const {
        each_thread([&](int thread) {
            if (is_first(thread) && is_own(thread)) from_compute(f(thread), static_cast<S*>(call_.output)[row(thread)]);
        });
    }

private:
    static constexpr bool may_lie_across = width == 1 || Form::across;

    NPFUSE_DEVICE long long start_of(long long row) const {
        if (!may_lie_across || call_.inner == 1) return row * call_.n;
        return row / call_.inner * call_.n * call_.inner + row % call_.inner;
    }
    NPFUSE_DEVICE long long at(int thread, long long j) const {
        return start_[thread] + (may_lie_across ? j * call_.inner : j);
    }

    template <class Work>
    NPFUSE_DEVICE void each_element_of(int thread, Work work) const {
        const int place = Groups::place_of(thread);
        if constexpr (capacity > 0) {
            const int n = static_cast<int>(call_.n);
#pragma unroll
            for (int k = 0; k < capacity; ++k) {
                if (k * width >= n) break;
                if (place + k * width < n) work(RowElement{thread, place + k * width, k});
            }
        } else {
#pragma unroll 4
            for (long long j = place; j < call_.n; j += width) work(RowElement{thread, j, 0});
        }
    }

    // A lane has one element at most. Lanes that have none would add zeros.
    template <class Term>
    NPFUSE_DEVICE void sum_by_one(Term term) const {
        static_assert(capacity <= lane_count);
        each_thread([&](int thread) {
            double sums[capacity] = {};
            each_element_of(thread, [&](const RowElement& e) { sums[e.k] += double(term(e)); });
            fold<capacity / 2>(sums);
            shared_.sums.sums[thread] = sums[0];
        });
    }

    template <int half>
    static NPFUSE_DEVICE void fold(double* sums) {
#pragma unroll
        for (int k = 0; k < half; ++k) sums[k] += sums[k + half];
        if constexpr (half > 1) fold<half / 2>(sums);
    }

    template <class Term>
    NPFUSE_DEVICE void sum_by_lanes(Term term) const {
        each_thread([&](int thread) {
            double sum = 0;
            each_element_of(thread, [&](const RowElement& e) { sum += double(term(e)); });
            shared_.sums.sums[thread] = sum;
        });
        Groups::add_lanes(block_, shared_.sums.sums);
    }

    template <class Term>
    NPFUSE_DEVICE void sum_by_tiles(Term term) const {
        static_assert(rows == 1);
        Tiles::sum(
            block_, shared_.sums, call_.n,
            [&](int thread, long long first, int count, double* terms) {
#pragma unroll
                for (int k = 0; k < depth; ++k) {
                    const int i = k * width + thread;
                    if (i < count) terms[Tiles::place(i)] = double(term(RowElement{thread, first + i, 0}));
                }
            },
            [](double sum, double next, long long) { return sum + next; });
    }

    // Where element j of a thread's row is on the stage, and how elements that follow each other in memory get there.
    NPFUSE_DEVICE int staged_length() const { return static_cast<int>(call_.n) | 1; }
    template <class Move>
    NPFUSE_DEVICE void between_memory_and_stage(Move move) const {
        const int n = static_cast<int>(call_.n);
        const long long first = block_.index * rows, left = call_.rows - first;
        const int count = (left < rows ? static_cast<int>(left) : rows) * n;
        const int reciprocal = 65536 / n + 1;  // exact for what a stage holds
        block_.each([&](int thread) {
            for (int i = thread; i < count; i += threads) {
                const int row = i * reciprocal >> 16;
                move(first * n + i, row * staged_length() + i - row * n);
            }
        });
    }

    NPFUSE_DEVICE void hold_staged(int i) {
        S* stage = shared_.stage.numbers[i];
        const S* source = static_cast<const S*>(call_.inputs[i]);
        between_memory_and_stage([&](long long at, int place) { stage[place] = source[at]; });
        each_element([&](const RowElement& e) {
            held_[i][e.thread].numbers[e.k] =
                is_own(e.thread) ? to_compute(stage[e.thread * staged_length() + e.k]) : T(0);
        });
    }

    template <class F>
    NPFUSE_DEVICE void write_staged(F f) {
        S* stage = shared_.stage.numbers[0];
        S* target = static_cast<S*>(call_.output);
        block_.each([&](int thread) {
            each_element_of(thread,
                            [&](const RowElement& e) { from_compute(f(e), stage[thread * staged_length() + e.k]); });
        });
        between_memory_and_stage([&](long long at, int place) { target[at] = stage[place]; });
    }

    const device::RowsCall& call_;
    const device::Block<threads>& block_;
    Shared& shared_;
    mutable device::Own<long long, threads> start_;
    mutable device::Own<Held<T, capacity>, threads> held_[2];
};

// Launches a kernel of rows in the form that suits them.
template <template <class Form> class Kernel, class... Rest>
void launch_on_rows(const device::RowsCall& rows, device::Stream stream, const Rest&... rest) {
    const auto in = [&](auto form) {
        using Form = decltype(form);
        device::launch(Kernel<Form>{rest...}, device::blocks_for(rows.rows, Form::threads / Form::width), stream);
    };
    if (rows.n <= ShortRows::capacity && rows.n > 0) return in(ShortRows());
    if (rows.inner > 1) return in(RowsAcross());
    if (rows.n <= 8 * 32) return in(WarpRows<8>());
    if (rows.n <= 32 * 32) return in(WarpRows<32>());
    in(LongRows());
}

NPFUSE_FORMULAS_END
