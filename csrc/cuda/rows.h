// Row formulas over the rows of an array.
#pragma once

#define NPFUSE_ISA cuda
#include "../loops/entries.h"
#include "formula_pass.h"
#include "row_forms.h"

NPFUSE_FORMULAS_BEGIN

template <class Formula, class S>
struct RowsKernel {
    template <class Form>
    struct In {
        using Pass = FormulaPass<S, Form>;
        using Shared = typename Pass::Shared;
        static constexpr int threads = Pass::Block::threads;

        device::RowsCall call;

        NPFUSE_DEVICE void operator()(const device::Block<threads>& block, Shared& shared) const {
            const typename Pass::Block rows(call, block, shared.block);
            Pass pass(rows, shared);
            Formula::run(pass);
        }
    };
};

template <class Formula, class S>
void launch_rows(const device::RowsCall& call, device::Stream stream) {
    launch_on_rows<RowsKernel<Formula, S>::template In>(call, stream, call);
}

template <class Formula>
constexpr device::RowsKernels rows_launchers() {
    return {{launch_rows<Formula, float16>, launch_rows<Formula, bfloat16>, launch_rows<Formula, float>,
             launch_rows<Formula, double>}};
}

template <class Operation>
constexpr device::RowOperation row_operation() {
    return {rows_launchers<typename Operation::Forward>(), rows_launchers<typename Operation::Backward>()};
}

NPFUSE_FORMULAS_END
