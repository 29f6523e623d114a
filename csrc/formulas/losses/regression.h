// Losses of the residual r = pred - target.
#pragma once

#include "../describe.h"
#include "terms.h"

NPFUSE_FORMULAS_BEGIN

struct MseLoss {
    static constexpr const char* name = "mse_loss";
    static constexpr Description description = {
        .summary = "Squared error (L2).",
        .formula = "r**2, where r = pred - target",
        .derivative = "2 * r",
        .accuracy = "value 2 * 2**-24 relative in float32, gradient 2 ULP.",
        .notes = "No factor 1/2, as in PyTorch; optax's l2_loss has one.",
        .source = "Legendre (1805), Nouvelles méthodes pour la détermination des orbites des comètes.",
        .example = ">>> nf.mse_loss(np.array([1.0, 2.0]), np.array([1.0, 4.0]))\n2.0",
    };

    template <class T>
    NPFUSE_FORMULA static Product<T> value(T pred, T target) {
        T r = pred - target;
        return {r, r};
    }

    template <class T>
    NPFUSE_FORMULA static T gradient(T pred, T target) {
        return T(2) * (pred - target);
    }
};

NPFUSE_FORMULAS_END
