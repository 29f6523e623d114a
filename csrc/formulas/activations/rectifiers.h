// Piecewise linear functions that bend at zero. The derivative at the bend is that of the left side, and a NaN in x is
// a NaN in dx.
#pragma once

#include "../describe.h"
#include "../math.h"

NPFUSE_FORMULAS_BEGIN

struct Relu {
    static constexpr const char* name = "relu";
    static constexpr bool is_cheap = true;
    static constexpr Description description = {
        .summary = "Rectified linear unit.",
        .formula = "max(x, 0)",
        .derivative = "1 where x > 0, else 0",
        .accuracy = "exact",
        .notes = "The derivative at 0 is 0, as in PyTorch and oneDNN. relu(-0.0) is 0.0.",
        .source = "Nair and Hinton (2010), Rectified linear units improve restricted Boltzmann machines.",
        .example = ">>> nf.relu(np.array([-1.0, 0.0, 2.0]))\narray([0., 0., 2.])",
    };

    template <class T>
    NPFUSE_FORMULA static T forward(T x) {
        return x <= T(0) ? T(0) : x;
    }

    template <class T>
    NPFUSE_FORMULA static T backward(T dy, T x) {
        T dx = x > T(0) ? dy : T(0);
        return x != x ? x : dx;
    }
};

struct Relu6 {
    static constexpr const char* name = "relu6";
    static constexpr bool is_cheap = true;
    static constexpr Description description = {
        .summary = "Rectified linear unit that stops at 6.",
        .formula = "min(max(x, 0), 6)",
        .derivative = "1 where 0 < x < 6, else 0",
        .accuracy = "exact",
        .notes = "The derivative at 0 and at 6 is 0, as in PyTorch.",
        .source = "Krizhevsky (2010), Convolutional deep belief networks on CIFAR-10.",
        .example = ">>> nf.relu6(np.array([-1.0, 2.0, 9.0]))\narray([0., 2., 6.])",
    };

    template <class T>
    NPFUSE_FORMULA static T forward(T x) {
        return clamp_max(Relu::forward(x), T(6));
    }

    template <class T>
    NPFUSE_FORMULA static T backward(T dy, T x) {
        T dx = (x > T(0)) & (x < T(6)) ? dy : T(0);
        return x != x ? x : dx;
    }
};

struct LeakyRelu {
    static constexpr const char* name = "leaky_relu";
    static constexpr bool is_cheap = true;
    static constexpr Parameter parameters[] = {{"negative_slope", 0.01, "Slope for x <= 0."}};
    static constexpr Description description = {
        .summary = "Leaky rectified linear unit.",
        .formula = "x where x > 0, else negative_slope * x",
        .derivative = "1 where x > 0, else negative_slope",
        .accuracy = "correctly rounded",
        .notes = "The slope of PyTorch and ONNX; the function of Keras has 0.2, its layer 0.3.",
        .source = "Maas, Hannun and Ng (2013), Rectifier nonlinearities improve neural network acoustic models.",
        .example = ">>> nf.leaky_relu(np.array([-1.0, 2.0]), negative_slope=0.5)\narray([-0.5,  2. ])",
    };

    template <class T>
    NPFUSE_FORMULA static bool suits_plain(T negative_slope) {
        return negative_slope != T(0);
    }

    template <class T>
    NPFUSE_FORMULA static T plain_forward(T x, T negative_slope) {
        return x > T(0) ? x : times(negative_slope, x);
    }

    template <class T>
    NPFUSE_FORMULA static T forward(T x, T negative_slope) {
        // Of slope 0 the limit at -inf is 0, not NaN.
        T least = negative_slope == T(0) ? -Format<T>::largest : -Format<T>::infinity;
        return plain_forward(clamp_min(x, least), negative_slope);
    }

    template <class T>
    NPFUSE_FORMULA static T backward(T dy, T x, T negative_slope) {
        T dx = x > T(0) ? dy : times(negative_slope, dy);
        return x != x ? x : dx;
    }
};

struct Prelu {
    static constexpr const char* name = "prelu";
    static constexpr bool is_cheap = true;
    static constexpr int required_parameters = 1;
    static constexpr Parameter parameters[] = {{"slope", 0.25, "Slope for x <= 0, of any shape that broadcasts."}};
    static constexpr Description description = {
        .summary = "Parametric rectified linear unit: a leaky one whose slope is learnt.",
        .formula = "x where x > 0, else slope * x",
        .derivative = "1 where x > 0, else slope",
        .accuracy = "correctly rounded; dslope, a sum carried in double, 1 ULP of its largest partial sum",
        .notes =
            "A slope per channel has the shape (C, 1, 1) for images of shape (N, C, H, W). PyTorch starts it at\n"
            "0.25. prelu_backward returns (dx, dslope), dslope summed to the shape of slope.",
        .source = "He et al. (2015), Delving deep into rectifiers.",
        .example = ">>> nf.prelu(np.array([-1.0, 2.0]), 0.25)\narray([-0.25,  2.  ])",
    };

    template <class T>
    NPFUSE_FORMULA static bool suits_plain(T slope) {
        return LeakyRelu::suits_plain(slope);
    }

    template <class T>
    NPFUSE_FORMULA static T plain_forward(T x, T slope) {
        return LeakyRelu::plain_forward(x, slope);
    }

    template <class T>
    NPFUSE_FORMULA static T forward(T x, T slope) {
        return LeakyRelu::forward(x, slope);
    }

    template <class T>
    NPFUSE_FORMULA static T backward(T dy, T x, T slope) {
        return LeakyRelu::backward(dy, x, slope);
    }

    template <class T>
    NPFUSE_FORMULA static T backward_parameter(T dy, T x, T) {
        return x > T(0) ? T(0) : times(dy, x);
    }
};

struct Threshold {
    static constexpr const char* name = "threshold";
    static constexpr bool is_cheap = true;
    static constexpr int required_parameters = 2;
    static constexpr Parameter parameters[] = {{"threshold", 0.0, "What x must exceed to be kept.", Domain::extended},
                                               {"value", 0.0, "What stands for every other x.", Domain::number}};
    static constexpr Description description = {
        .summary = "Keeps what exceeds a threshold and replaces the rest.",
        .formula = "x where x > threshold, else value",
        .derivative = "1 where x > threshold, else 0",
        .accuracy = "exact",
        .notes = "As in PyTorch.",
        .source = "PyTorch, torch.nn.Threshold.",
        .example = ">>> nf.threshold(np.array([0.5, 2.0]), 1.0, -1.0)\narray([-1.,  2.])",
    };

    template <class T>
    NPFUSE_FORMULA static T forward(T x, T threshold, T value) {
        return x <= threshold ? value : x;
    }

    template <class T>
    NPFUSE_FORMULA static T backward(T dy, T x, T threshold, T) {
        T dx = x > threshold ? dy : T(0);
        return x != x ? x : dx;
    }
};

NPFUSE_FORMULAS_END
