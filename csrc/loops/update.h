// How an optimizer's formula runs over memory: in place, over a parameter, its gradient and its states.
//
// A formula turns a gradient into the step to subtract, and brings its states up to date. What all optimizers have in
// common is done here: the gradient's scale (loss scale, clipping, sign), weight decay of either kind, the subtraction.
#pragma once

#include "../formulas/registry.h"
#include "../table.h"
#include "operand.h"
#include "stochastic.h"

NPFUSE_FORMULAS_BEGIN

template <class Formula>
constexpr Span<const char*> states_of() {
    if constexpr (requires { Formula::states; })
        return {Formula::states, sizeof(Formula::states) / sizeof(const char*)};
    else
        return {nullptr, 0};
}

template <class Formula, class T>
struct Prepared {
    typename Formula::template Scalars<T> scalars;
    double gradient_scale, coupled_decay;
    T decoupled_decay;
    bool gradient_as_given;
};

template <class Formula, class T>
void prepare_update(const UpdateSettings& common, const double* settings, PreparedUpdate& prepared) {
    static_assert(sizeof(Formula::setting_names) / sizeof(const char*) * sizeof(double) ==
                  sizeof(typename Formula::Settings));
    static_assert(sizeof(Prepared<Formula, T>) <= sizeof(PreparedUpdate));
    typename Formula::Settings named;
    __builtin_memcpy(&named, settings, sizeof named);
    const Prepared<Formula, T> result = {
        .scalars = Formula::template prepare<T>(common.step, named),
        .gradient_scale = common.gradient_scale,
        .coupled_decay = common.coupled_decay,
        .decoupled_decay = T(common.decoupled_decay),
        .gradient_as_given = common.gradient_scale == 1 && common.coupled_decay == 0,
    };
    __builtin_memcpy(&prepared, &result, sizeof result);
}

// What a sweep has to do beyond the formula. The common cases have sweeps of their own, which do no more than they
// must.
enum class Extra { none, decoupled_decay, any };

template <Extra extra, class Formula, class T>
NPFUSE_FORMULA auto incoming(const Prepared<Formula, T>& by, T gradient, T parameter) {
    if constexpr (extra == Extra::any) {
        const double decaying = by.coupled_decay != 0 ? double(parameter) : 0.0;  // 0 times infinity is not 0
        return WideGradient{fma(by.coupled_decay, decaying, by.gradient_scale * double(gradient))};
    } else {
        return gradient;
    }
}

template <Extra extra, class Formula, class T>
NPFUSE_FORMULA T outgoing(const Prepared<Formula, T>& by, T parameter, T delta) {
    if constexpr (extra == Extra::none)
        return parameter - delta;
    else
        return parameter - (by.decoupled_decay != 0 ? fma(by.decoupled_decay, parameter, delta) : delta);
}

template <Extra extra, class Formula, class T>
inline void sweep(const Prepared<Formula, T> by, T* p, const T* g, T* const* states, ptrdiff_t n) {
    constexpr size_t state_count = states_of<Formula>().count;
    if constexpr (state_count == 0) {
#pragma omp simd
        for (ptrdiff_t i = 0; i < n; ++i) {
            const T delta = Formula::step(by.scalars, incoming<extra>(by, g[i], p[i]));
            p[i] = outgoing<extra>(by, p[i], delta);
        }
    } else if constexpr (state_count == 1) {
        T* a = states[0];
#pragma omp simd
        for (ptrdiff_t i = 0; i < n; ++i) {
            T x = a[i];
            const T delta = Formula::step(by.scalars, incoming<extra>(by, g[i], p[i]), x);
            p[i] = outgoing<extra>(by, p[i], delta);
            a[i] = flush_subnormals(x);
        }
    } else if constexpr (state_count == 2) {
        T *a = states[0], *b = states[1];
#pragma omp simd
        for (ptrdiff_t i = 0; i < n; ++i) {
            T x = a[i], y = b[i];
            const T delta = Formula::step(by.scalars, incoming<extra>(by, g[i], p[i]), x, y);
            p[i] = outgoing<extra>(by, p[i], delta);
            a[i] = flush_subnormals(x);
            b[i] = flush_subnormals(y);
        }
    } else {
        static_assert(state_count == 3);
        T *a = states[0], *b = states[1], *c = states[2];
#pragma omp simd
        for (ptrdiff_t i = 0; i < n; ++i) {
            T x = a[i], y = b[i], z = c[i];
            const T delta = Formula::step(by.scalars, incoming<extra>(by, g[i], p[i]), x, y, z);
            p[i] = outgoing<extra>(by, p[i], delta);
            a[i] = flush_subnormals(x);
            b[i] = flush_subnormals(y);
            c[i] = flush_subnormals(z);
        }
    }
}

template <class Formula, class T>
void update(const PreparedUpdate& prepared, T* parameter, const T* gradient, T* const* states, ptrdiff_t n) {
    Prepared<Formula, T> by;
    __builtin_memcpy(&by, &prepared, sizeof by);
    if constexpr (sizeof(T) == 4) {  // in double, nothing is fast enough to notice
        if (by.gradient_as_given && by.decoupled_decay == 0)
            return sweep<Extra::none>(by, parameter, gradient, states, n);
        if (by.gradient_as_given) return sweep<Extra::decoupled_decay>(by, parameter, gradient, states, n);
    }
    sweep<Extra::any>(by, parameter, gradient, states, n);
}

template <class T>
inline const UpdateKernel<T>& update_kernel(const Optimizer& optimizer) {
    if constexpr (__is_same(T, float))
        return optimizer.float32;
    else
        return optimizer.float64;
}

template <class T>
inline bool in_place(const Operand& operand) {
    constexpr DType storage = dtype_of<T>;
    return operand.storage == storage && operand.stride == ptrdiff_t(sizeof(T)) && operand.aligned && !operand.swapped;
}

// Puts a block of the parameter where it belongs.
template <class S>
inline void put_back(const compute_t<S>* block, const UpdateOperands& operands, ptrdiff_t begin, ptrdiff_t n) {
    if constexpr (__is_same(S, bfloat16)) {
        if (operands.rounding != nullptr)
            return store_at_random(block, operands.parameter, begin, n, *operands.rounding, operands.first + begin);
    }
    store<S>(block, operands.parameter, begin, n);
    if constexpr (__is_same(S, float)) {
        if (operands.copy.data == nullptr) return;
        if (operands.copy.storage == DType::float16) store<float16>(block, operands.copy, begin, n);
        if (operands.copy.storage == DType::bfloat16) store<bfloat16>(block, operands.copy, begin, n);
    }
}

template <class S>
void run_update(const Optimizer& optimizer, const PreparedUpdate& prepared, const UpdateOperands& operands,
                ptrdiff_t n) {
    using T = compute_t<S>;
    const auto run = update_kernel<T>(optimizer).run;
    const int state_count = int(optimizer.states.count);

    bool all_in_place = in_place<T>(operands.parameter) && in_place<T>(operands.gradient) && !operands.copy.data;
    T* states[max_states];
    for (int k = 0; k < state_count; ++k) {
        all_in_place = all_in_place && in_place<T>(operands.states[k]);
        states[k] = reinterpret_cast<T*>(operands.states[k].data);
    }
    if (all_in_place) {
        T* parameter = reinterpret_cast<T*>(operands.parameter.data);
        const T* gradient = reinterpret_cast<const T*>(operands.gradient.data);
        const ptrdiff_t begin = before_first_line(parameter, n);
        if (begin > 0) run(prepared, parameter, gradient, states, begin);
        for (int k = 0; k < state_count; ++k) states[k] += begin;
        run(prepared, parameter + begin, gradient + begin, states, n - begin);
        return;
    }

    // As many bytes for every T: threads may have small stacks. Blocks end where those of the random bits do, too.
    constexpr ptrdiff_t length = block_length * sizeof(float) / sizeof(T);
    alignas(64) T parameter_buffer[length], gradient_buffer[length], state_buffers[max_states][length];
    for (ptrdiff_t begin = 0; begin < n;) {
        const ptrdiff_t remaining = length - (operands.first + begin) % length;
        const ptrdiff_t count = n - begin < remaining ? n - begin : remaining;
        T* parameter = const_cast<T*>(load(operands.parameter, begin, count, parameter_buffer));
        const T* gradient = load(operands.gradient, begin, count, gradient_buffer);
        for (int k = 0; k < state_count; ++k)
            states[k] = const_cast<T*>(load(operands.states[k], begin, count, state_buffers[k]));
        run(prepared, parameter, gradient, states, count);
        put_back<S>(parameter, operands, begin, count);
        for (int k = 0; k < state_count; ++k) store<T>(states[k], operands.states[k], begin, count);
        begin += count;
    }
}

template <class Formula, class T>
constexpr UpdateKernel<T> update_kernel_of() {
    return {prepare_update<Formula, T>, update<Formula, T>};
}

template <class Formula>
constexpr Optimizer optimizer() {
    return {Formula::name,
            {Formula::setting_names, sizeof(Formula::setting_names) / sizeof(const char*)},
            states_of<Formula>(),
            update_kernel_of<Formula, float>(),
            update_kernel_of<Formula, double>()};
}

NPFUSE_FORMULAS_END
