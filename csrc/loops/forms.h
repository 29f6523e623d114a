// An operation's formulas in the forms that loops run: how many numbers go in and come out, how many of the inputs are
// parameters, how many chunks are interleaved, and the call.
#pragma once

#include "../formulas/registry.h"
#include "interleave.h"

NPFUSE_FORMULAS_BEGIN

template <class Operation>
constexpr size_t parameter_count() {
    if constexpr (requires { Operation::parameters; })
        return sizeof(Operation::parameters) / sizeof(Parameter);
    else
        return 0;
}

template <class Operation>
constexpr Span<Parameter> parameters_of() {
    if constexpr (requires { Operation::parameters; })
        return {Operation::parameters, parameter_count<Operation>()};
    else
        return {nullptr, 0};
}

template <class Operation>
constexpr size_t required_parameter_count() {
    if constexpr (requires { Operation::required_parameters; })
        return Operation::required_parameters;
    else
        return 0;
}

// How many chunks of an operation's forward formula are interleaved at most.
template <class Operation>
constexpr ptrdiff_t max_forward_interleaved() {
    if constexpr (requires { Operation::max_forward_interleaved; })
        return Operation::max_forward_interleaved;
    else
        return max_interleaved;
}

// Whether reading and writing numbers takes as long as computing with them.
template <class Operation>
constexpr bool formula_is_cheap() {
    if constexpr (requires { Operation::is_cheap; })
        return Operation::is_cheap;
    else
        return false;
}

// x, parameters -> y. Where an operation has a formula of fewer operations for usual parameters, both give the same
// results for those, and only loops that know the parameters beforehand choose the plain one.
template <class Operation, bool is_plain = false>
struct Forward {
    using Formulas = Operation;
    using Plain = Forward<Operation, true>;
    static constexpr int parameters = parameter_count<Operation>(), inputs = 1 + parameters, outputs = 1;
    static constexpr bool is_cheap = formula_is_cheap<Operation>();
    static constexpr bool has_plain = !is_plain && requires { Operation::template plain_forward<float>; };
    static constexpr ptrdiff_t interleaved = max_forward_interleaved<Operation>();
    template <class... T>
    NPFUSE_FORMULA static auto apply(T... operands) {
        if constexpr (is_plain)
            return Operation::plain_forward(operands...);
        else
            return Operation::forward(operands...);
    }
};

// dy, x, parameters -> dx.
template <class Operation, bool is_plain = false>
struct Backward {
    using Formulas = Operation;
    using Plain = Backward<Operation, true>;
    static constexpr bool has_plain = !is_plain && requires { Operation::template plain_backward<float>; };
    static constexpr int parameters = parameter_count<Operation>(), inputs = 2 + parameters, outputs = 1;
    static constexpr bool is_cheap = formula_is_cheap<Operation>();
    static constexpr ptrdiff_t interleaved = max_interleaved;
    template <class... T>
    NPFUSE_FORMULA static auto apply(T... operands) {
        if constexpr (is_plain)
            return Operation::plain_backward(operands...);
        else
            return Operation::backward(operands...);
    }
};

// gate, x -> y.
template <class Operation>
struct GatedForward {
    static constexpr bool has_plain = false;
    static constexpr int parameters = 0, inputs = 2, outputs = 1;
    static constexpr bool is_cheap = formula_is_cheap<Operation>();
    static constexpr ptrdiff_t interleaved = max_forward_interleaved<Operation>();
    template <class T>
    NPFUSE_FORMULA static T apply(T gate, T x) {
        return Operation::forward(gate, x);
    }
};

// dy, gate, x -> dgate, dx.
template <class Operation>
struct GatedBackward {
    static constexpr bool has_plain = false;
    static constexpr int parameters = 0, inputs = 3, outputs = 2;
    static constexpr bool is_cheap = formula_is_cheap<Operation>();
    template <class T>
    NPFUSE_FORMULA static Pair<T> apply(T dy, T gate, T x) {
        return {Operation::backward_gate(dy, gate, x), Operation::backward_x(dy, gate, x)};
    }
};

// dy, x, parameter -> dx, and what each element adds to the gradient of the parameter.
template <class Operation>
struct BackwardWithParameter {
    static constexpr bool has_plain = false;
    static constexpr int parameters = 1, inputs = 3, outputs = 2;
    static constexpr bool is_cheap = false;
    template <class T>
    NPFUSE_FORMULA static Pair<T> apply(T dy, T x, T parameter) {
        return {Operation::backward(dy, x, parameter), Operation::backward_parameter(dy, x, parameter)};
    }
};

NPFUSE_FORMULAS_END
