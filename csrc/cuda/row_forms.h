// The forms in which rows are gone along: how many threads work on a row, and whether they hold its numbers in
// registers.
#pragma once

#define NPFUSE_ISA cuda
#include "../formulas/language.h"
#include "launch.h"
#include "table.h"

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

// A row by a block, which reads it again for every pass: from the cache, where the rows of all blocks fit. Therefore
// the longer, the fewer at once.
template <int size>
struct LongRows {
    static constexpr int threads = size, width = size, capacity = 0;
    static constexpr bool across = false, staged = false;
};

// Rows that do not run along the last axis: neighbouring threads have neighbouring rows.
struct RowsAcross {
    static constexpr int threads = 512, width = 32, capacity = 0;
    static constexpr bool across = true, staged = false;
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
    if (rows.n <= 8192) return in(LongRows<256>());
    in(LongRows<512>());
}

NPFUSE_FORMULAS_END
