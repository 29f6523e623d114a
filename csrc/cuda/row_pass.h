// One call on a block's rows: element by element, the largest, and sums. How many threads work on a row, and whether
// they hold its numbers in registers, is the form's to say.
#pragma once

#include <type_traits>

#include "pack.h"
#include "table.h"
#include "tile_sums.h"

NPFUSE_FORMULAS_BEGIN

template <class T, int capacity>
struct Held {
    T numbers[capacity > 0 ? capacity : 1];
};

// What is asked of each element is given as a function of the thread, which prepares what is the same for all of the
// thread's elements and returns a function of the element.
template <class S, class Form>
class RowPass {
public:
    using T = compute_t<S>;
    static constexpr int threads = Form::threads, width = Form::width, capacity = Form::capacity;
    static constexpr bool holds = capacity > 0;
    using Groups = RowGroups<threads, width, Form::across>;
    static constexpr int rows = Groups::rows;

    using Index = std::conditional_t<holds, int, long long>;
    struct Element {
        Index j;  // in its row; beyond its end where a thread holds more than there is
        int k;    // among those that the thread holds
    };

    using Tiles = TileSums<threads, 1, 1024 / threads>;
    // Rows of an odd length, so that threads reading a column do not conflict in a bank.
    struct Stage {
        S numbers[2][threads * (capacity | 1)];
    };

    struct Sums {
        double sums[threads];
    };

    struct Shared {
        T maxima[threads];
        Index found[threads];
        std::conditional_t<(width > lane_count), typename Tiles::Shared, Sums> sums;
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
    NPFUSE_DEVICE long long length() const { return call_.n; }
    NPFUSE_DEVICE bool has_input(int i) const { return call_.inputs[i] != nullptr; }
    NPFUSE_DEVICE bool has_output() const { return call_.output != nullptr; }
    NPFUSE_DEVICE bool exists(const Element& e) const { return !holds || e.j < Index(call_.n); }

    // Any element of any thread's row, from memory.
    NPFUSE_DEVICE T stored(int i, int thread, long long j) const {
        const long long step = may_lie_across ? call_.inner : 1;
        return to_compute(static_cast<const S*>(call_.inputs[i])[start_of(row(thread)) + j * step]);
    }
    NPFUSE_DEVICE T number(int i, int thread) const {
        return to_compute(static_cast<const S*>(call_.inputs[i])[row(thread)]);
    }

    // An input's elements, as a function of the thread.
    NPFUSE_DEVICE auto input(int i) const {
        return [this, i](int thread) {
            if constexpr (holds) {
                return [held = &held_[i][thread]](const Element& e) { return held->numbers[e.k]; };
            } else {
                const S* own = static_cast<const S*>(call_.inputs[i]) + start_[thread];
                const long long step = may_lie_across ? call_.inner : 1;
                return [own, step](const Element& e) { return to_compute(own[e.j * step]); };
            }
        };
    }

    // Brings an input's rows into the registers of forms that hold them, filled up where they end: before input().
    NPFUSE_DEVICE void hold(int i, T fill) const {
        if constexpr (Form::staged) {
            if (call_.inner == 1) return hold_staged(i, fill);
        }
        if constexpr (holds) {
            S filler;
            from_compute(fill, filler);
            each_thread([&](int thread) {
                // Converted after all loads were issued, so that no load waits for the one before.
                Held<S, capacity> raw;
                const S* own = static_cast<const S*>(call_.inputs[i]) + first_of(thread);
                each_element_of(thread,
                                [&](const Element& e) { raw.numbers[e.k] = exists(e) ? own[e.k * step()] : filler; });
                each_element_of(
                    thread, [&](const Element& e) { held_[i][thread].numbers[e.k] = to_compute(raw.numbers[e.k]); });
            });
        }
    }

    NPFUSE_DEVICE void hold_zeros(int i) const {
        if constexpr (holds) each_thread([&](int thread) { held_[i][thread] = {}; });
    }

    // What a function makes of the elements of input i, for which nobody asks from now on: held in its place, or worked
    // out anew each time.
    template <class Function>
    NPFUSE_DEVICE auto kept(int i, Function function) const {
        if constexpr (holds) {
            each_thread([&](int thread) {
                const auto of = function(thread);
                each_element_of(thread, [&](const Element& e) { held_[i][thread].numbers[e.k] = of(e); });
            });
            return input(i);
        } else {
            return function;
        }
    }

    template <class Work>
    NPFUSE_DEVICE void each_thread(Work work) const {
        Groups::each(block_, work);
    }

    // Until every thread of the block sees what all have written.
    NPFUSE_DEVICE void wait() const {
        block_.each([](int) {});
    }

    // Work that is done once for a row, by neighbouring threads for neighbouring rows: work(the row's first thread).
    template <class Work>
    NPFUSE_DEVICE void each_row(Work work) const {
        if constexpr (width == 1) {
            each_thread(work);
        } else {
            wait();  // until all rows are ready for it
            block_.each([&](int thread) {
                if (thread < rows) work(Form::across ? thread : thread * width);
            });
        }
    }

    // Writes a function's results along the rows.
    template <class Function>
    NPFUSE_DEVICE void write(Function function) const {
        if constexpr (Form::staged) {
            if (call_.inner == 1) return write_staged(function);
        }
        each_thread([&](int thread) {
            if (!is_own(thread)) return;
            const auto result = function(thread);
            S* own = static_cast<S*>(call_.output) + first_of(thread);
            if constexpr (holds)
                each_element_of(thread, [&](const Element& e) {
                    if (exists(e)) from_compute(result(e), own[e.k * step()]);
                });
            else
                write_along(Groups::place_of(thread), result, own);
        });
    }

    // NaN may be passed over: the sums that follow find it.
    NPFUSE_DEVICE void find_maxima(int i) const {
        constexpr T infinity = Format<T>::infinity;
        each_thread([&](int thread) {
            const auto x = input(i)(thread);
            T maximum = -infinity;
            each_element_of(thread, [&](const Element& e) {
                const T next = x(e);
                maximum = next > maximum ? next : maximum;
            });
            shared_.maxima[thread] = maximum;
        });
        Groups::combine_all(block_, shared_.maxima, [](T a, T b) { return b > a ? b : a; });
    }
    NPFUSE_DEVICE T maximum(int thread) const { return Groups::first_of(shared_.maxima, thread); }

    template <class Function>
    NPFUSE_DEVICE void sum(Function term) const {
        if constexpr (width == 1)
            sum_by_one(term);
        else if constexpr (width == lane_count)
            sum_by_lanes(term);
        else
            sum_by_tiles(term);
    }
    NPFUSE_DEVICE double total(int thread) const {
        if constexpr (width > lane_count)
            return shared_.sums.total;
        else
            return Groups::first_of(shared_.sums.sums, thread);
    }

    // The first position of the maximum; beyond the row where it is nowhere, as NaN is.
    NPFUSE_DEVICE void find_first_maximum(int i) const {
        each_thread([&](int thread) {
            const auto x = input(i)(thread);
            const T largest = maximum(thread);
            Index first = Index(call_.n);
            each_element_of(thread, [&](const Element& e) {
                if (x(e) == largest && e.j < first) first = e.j;
            });
            shared_.found[thread] = first;
        });
        Groups::combine_all(block_, shared_.found, [](Index a, Index b) { return b < a ? b : a; });
    }
    NPFUSE_DEVICE Index position(int thread) const { return Groups::first_of(shared_.found, thread); }

    // Writes one number for each row.
    template <class F>
    NPFUSE_DEVICE void write_number(F f) const {
        each_row([&](int first) {
            if (is_own(first)) from_compute(f(first), static_cast<S*>(call_.output)[row(first)]);
        });
    }

private:
    static constexpr bool may_lie_across = width == 1 || Form::across;

    NPFUSE_DEVICE long long start_of(long long row) const {
        if (!may_lie_across || call_.inner == 1) return row * call_.n;
        return row / call_.inner * call_.n * call_.inner + row % call_.inner;
    }

    // The thread's first element, and how far apart the next ones are.
    NPFUSE_DEVICE long long first_of(int thread) const {
        return start_[thread] + Groups::place_of(thread) * (may_lie_across ? call_.inner : 1);
    }
    NPFUSE_DEVICE long long step() const { return width * (may_lie_across ? call_.inner : 1); }

    template <class Work>
    NPFUSE_DEVICE void each_element_of(int thread, Work work) const {
        each_element_between(0, call_.n, thread, work);
    }

    // Those that a thread holds are all in one part of the row.
    template <class Work>
    NPFUSE_DEVICE void each_element_between(long long begin, long long end, int thread, Work work) const {
        const int place = Groups::place_of(thread);
        if constexpr (holds) {
            static_assert(capacity * width <= run_length);
            constexpr int chunk = capacity / 8;
#pragma unroll
            for (int first = 0; first < capacity; first += chunk) {
                if (first * width >= Index(call_.n)) break;
#pragma unroll
                for (int k = first; k < first + chunk; ++k) work(Element{place + k * width, k});
            }
        } else {
#pragma unroll 4
            for (long long j = begin + place; j < end; j += width) work(Element{j, 0});
        }
    }

    // Several results before any is stored, so that the next loads do not wait for the stores.
    template <class Result>
    NPFUSE_DEVICE void write_along(int place, Result result, S* own) const {
        constexpr int ahead = 4;
        long long j = place;
        for (; j + (ahead - 1) * width < call_.n; j += ahead * width, own += ahead * step()) {
            T results[ahead];
#pragma unroll
            for (int k = 0; k < ahead; ++k) results[k] = result(Element{j + k * width, 0});
#pragma unroll
            for (int k = 0; k < ahead; ++k) from_compute(results[k], own[k * step()]);
        }
        for (; j < call_.n; j += width, own += step()) from_compute(result(Element{j, 0}), *own);
    }

    // A lane has one element at most. Lanes that have none would add zeros.
    template <class Function>
    NPFUSE_DEVICE void sum_by_one(Function function) const {
        static_assert(capacity <= lane_count);
        each_thread([&](int thread) {
            const auto term = function(thread);
            double sums[capacity] = {};
            each_element_of(thread, [&](const Element& e) { sums[e.k] += double(term(e)); });
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

    template <class Function>
    NPFUSE_DEVICE void sum_by_lanes(Function function) const {
        const long long n = call_.n;
        device::Own<double, threads> total;
        each_thread([&](int thread) { total[thread] = 0; });
        for (long long first = 0; first < n; first += run_length) {
            const long long last = n - first < run_length ? n : first + run_length;
            each_thread([&](int thread) {
                const auto term = function(thread);
                double sum = 0;
                each_element_between(first, last, thread, [&](const Element& e) { sum += double(term(e)); });
                shared_.sums.sums[thread] = sum;
            });
            Groups::add_lanes(block_, shared_.sums.sums);
            each_thread([&](int thread) { total[thread] += shared_.sums.sums[thread]; });
        }
        each_thread([&](int thread) { shared_.sums.sums[thread] = total[thread]; });
    }

    template <class Function>
    NPFUSE_DEVICE void sum_by_tiles(Function function) const {
        static_assert(rows == 1);
        Tiles::sum(
            block_, shared_.sums, call_.n, run_length,
            [&](int thread, long long first, int count, double* terms) {
                const auto term = function(thread);
                const auto set = [&](int i) { terms[Tiles::place(i)] = double(term(Element{Index(first + i), 0})); };
                if (count == Tiles::tile) {
#pragma unroll
                    for (int i = 0; i < Tiles::tile; i += threads) set(thread + i);
                } else {
                    for (int i = thread; i < count; i += threads) set(i);
                }
            },
            [](double sum, double next, long long) { return sum + next; });
    }

    // Where the rows of a block begin on the stage, and how elements that follow each other in memory get there.
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

    NPFUSE_DEVICE void hold_staged(int i, T fill) const {
        S* stage = shared_.stage.numbers[i];
        const S* source = static_cast<const S*>(call_.inputs[i]);
        between_memory_and_stage([&](long long at, int place) { stage[place] = source[at]; });
        each_thread([&](int thread) {
            each_element_of(thread, [&](const Element& e) {
                const bool is_there = is_own(thread) && exists(e);
                held_[i][thread].numbers[e.k] = is_there ? to_compute(stage[thread * staged_length() + e.k]) : fill;
            });
        });
    }

    template <class Function>
    NPFUSE_DEVICE void write_staged(Function function) const {
        S* stage = shared_.stage.numbers[0];
        S* target = static_cast<S*>(call_.output);
        block_.each([&](int thread) {
            const auto result = function(thread);
            each_element_of(thread, [&](const Element& e) {
                if (exists(e)) from_compute(result(e), stage[thread * staged_length() + e.k]);
            });
        });
        between_memory_and_stage([&](long long at, int place) { target[at] = stage[place]; });
    }

    const device::RowsCall& call_;
    const device::Block<threads>& block_;
    Shared& shared_;
    mutable device::Own<long long, threads> start_;
    mutable device::Own<Held<T, capacity>, threads> held_[2];
};

NPFUSE_FORMULAS_END
