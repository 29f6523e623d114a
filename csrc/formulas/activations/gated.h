// Products of an activation of one operand, the gate, with another operand.
#pragma once

#include "../describe.h"
#include "../math.h"
#include "gelu.h"
#include "rectifiers.h"
#include "sigmoid.h"
#include "silu.h"

NPFUSE_FORMULAS_BEGIN

template <class Gate>
struct Gated {
    template <class T>
    NPFUSE_FORMULA static T forward(T gate, T x) {
        return times(Gate::forward(gate), x);
    }

    // The slope is at most about 1: it may bring back a product that is too large, and never makes one of the factors
    // so.
    template <class T>
    NPFUSE_FORMULA static T backward_gate(T dy, T gate, T x) {
        T product = times(dy, x);
        bool fits = absolute(product) <= Format<T>::largest;
        bool ordered = absolute(dy) < absolute(x);
        T larger = ordered ? x : dy, smaller = ordered ? dy : x;
        return times(Gate::backward(fits ? product : larger, gate), fits ? T(1) : smaller);
    }

    template <class T>
    NPFUSE_FORMULA static T backward_x(T dy, T gate, T) {
        return times(Gate::forward(gate), dy);
    }
};

struct SigmoidGlu : Gated<Sigmoid> {
    static constexpr const char* name = "sigmoid_glu";
    static constexpr Description description = {
        .summary = "Gated linear unit of two operands.",
        .formula = "sigmoid(gate) * x",
        .derivative = "dgate = dy * x * sigmoid'(gate), dx = dy * sigmoid(gate)",
        .accuracy = "2.5 ULP, backward 3 ULP",
        .notes = "glu splits one array along an axis into the two.",
        .source = "Dauphin et al. (2017), Language modeling with gated convolutional networks.",
        .example = ">>> float(nf.sigmoid_glu(0.0, 3.0))\n1.5",
    };
};

struct SwiGlu : Gated<Silu> {
    static constexpr const char* name = "swiglu";
    static constexpr Description description = {
        .summary = "Gated linear unit with the silu gate.",
        .formula = "silu(gate) * x",
        .derivative = "dgate = dy * x * silu'(gate), dx = dy * silu(gate)",
        .accuracy = "2.5 ULP, backward 3 ULP",
        .notes = "",
        .source = "Shazeer (2020), GLU variants improve transformer.",
        .example = ">>> float(nf.swiglu(0.0, 3.0))\n0.0",
    };
};

struct GeGlu : Gated<Gelu> {
    static constexpr int max_forward_interleaved = Gelu::max_forward_interleaved;
    static constexpr const char* name = "geglu";
    static constexpr Description description = {
        .summary = "Gated linear unit with the gelu gate.",
        .formula = "gelu(gate) * x",
        .derivative = "dgate = dy * x * gelu'(gate), dx = dy * gelu(gate)",
        .accuracy = "2.5 ULP, backward 3 ULP",
        .notes = "The exact gelu, by erf.",
        .source = "Shazeer (2020), GLU variants improve transformer.",
        .example = ">>> float(nf.geglu(0.0, 3.0))\n0.0",
    };
};

struct ReGlu : Gated<Relu> {
    static constexpr const char* name = "reglu";
    static constexpr bool is_cheap = true;

    // The slope is 1 or 0.
    template <class T>
    NPFUSE_FORMULA static T backward_gate(T dy, T gate, T x) {
        return Relu::backward(times(dy, x), gate);
    }

    static constexpr Description description = {
        .summary = "Gated linear unit with the relu gate.",
        .formula = "relu(gate) * x",
        .derivative = "dgate = dy * x where gate > 0, else 0; dx = dy * relu(gate)",
        .accuracy = "correctly rounded",
        .notes = "",
        .source = "Shazeer (2020), GLU variants improve transformer.",
        .example = ">>> float(nf.reglu(2.0, 3.0))\n6.0",
    };
};

NPFUSE_FORMULAS_END
