// Functions of a row that are normalised by the sum of its exponentials.
#pragma once

#include "../describe.h"
#include "../math.h"

NPFUSE_FORMULAS_BEGIN

// What is made of the sum: which loop an operation runs in.
enum class RowKind { quotient, log_quotient, log_sum };

// A number carried in double, as the two of type T that add up to it.
template <class T>
NPFUSE_FORMULA Pair<T> narrowed(double number) {
    T high = T(number);
    return {high, T(number - double(high))};
}

// The exponentials of a row are kept in units near 2^lift, in which none is subnormal.
template <class T>
struct RowUnits {
    using F = Format<T>;
    static constexpr int lift = F::fraction_bits + 7;
    static constexpr double up = double(typename F::Bits(1) << lift);
    // Adding it rounds to an integer, which its last bits show as the biased exponent of a power of two.
    static constexpr T bias = F::exponent_bias + lift, round = F::round + bias;

    T shift;  // what is taken from x first: 0, but in rows of numbers so large that the difference is exact
    T floor;  // from here down a term is 0
    T pivot;  // what x is measured from

    static NPFUSE_FORMULA T power_of_two(T rounded) { return from_bits<T>(to_bits(rounded) << F::fraction_bits); }
    static NPFUSE_FORMULA T shift_for(T maximum) { return absolute(maximum) <= T(4096) ? T(0) : maximum; }
};

// exp(x - maximum) to 1 ULP, as results are made of it: the maximum's own term is one unit exactly.
template <class T>
struct RowTerms : RowUnits<T> {
    using Units = RowUnits<T>;
    using C = Constants<T>;
    static constexpr double unit = Units::up;

    static NPFUSE_FORMULA RowTerms below(T maximum) {
        const T shift = Units::shift_for(maximum), pivot = maximum - shift;
        return {{shift, pivot - Units::bias * C::ln2, pivot}};
    }

    NPFUSE_FORMULA T term(T x) const {
        // Rounded, a difference of 20 would cost ten ULP.
        Pair<T> difference = two_sum(clamp_min(x - this->shift, this->floor), -this->pivot);
        T rounded = fma(difference.hi, C::log2_e, Units::round);
        T scale = Units::power_of_two(rounded);
        T k = rounded - Units::round;
        T r = fma(-k, C::ln2, difference.hi) + fma(-k, C::ln2_lo, difference.lo);
        return fma(scale, fma(times(r, r), exp_tail(r), r), scale);
    }
};

// The same for a sum, in fewer operations: no maximum is taken from x, but the power of two nearest to its exponential
// from that of x. The maximum's own term is one unit, but for its rounding.
template <class T>
struct SummedTerms : RowUnits<T> {
    using Units = RowUnits<T>;
    using C = Constants<T>;

    // The pivot is Units::round less the exponent of the maximum's power of two.
    static NPFUSE_FORMULA SummedTerms below(T maximum) {
        const T shift = Units::shift_for(maximum);
        const T k = fma(maximum - shift, C::log2_e, Format<T>::round) - Format<T>::round;
        return {{shift, (k - Units::bias) * C::ln2, Units::round - k}};
    }

    NPFUSE_FORMULA T term(T x) const {
        T number = clamp_min(x - this->shift, this->floor);
        T rounded = fma(number, C::log2_e, this->pivot);
        T scale = Units::power_of_two(rounded);
        T k = rounded - this->pivot;
        T r = fma(-k, C::ln2_lo, fma(-k, C::ln2, number));  // the inner one is exact
        return fma(scale, fma(times(r, r), exp_tail(r), r), scale);
    }

    NPFUSE_FORMULA double unit(T maximum) const {
        using D = Constants<double>;
        const double k = Units::round - this->pivot, number = maximum - this->shift;
        const Pair<double> e = exp_pair(fma(-k, D::ln2_lo, fma(-k, D::ln2, number)));
        return (e.hi + e.lo) * Units::up;
    }

    // The sum of exp(x - maximum) without the maximum's own, given that of all terms.
    NPFUSE_FORMULA double excluding_maximum(T maximum, double sum) const {
        return (sum - double(term(maximum))) / unit(maximum);
    }
};

// A sum of exponentials excluding the maximum's own, 1, keeps the digits that matter as long as it is larger.
template <class T>
constexpr double lost_in_sum_with_one = sizeof(T) == 4 ? 0x1p-26 : 1;

// maximum + log(1 + excluding_maximum) in two parts, of which the second keeps every digit of a logarithm that the
// maximum dwarfs.
template <class T>
NPFUSE_FORMULA Pair<T> log_of_row_sum(T maximum, double excluding_maximum) {
    Pair<T> logarithm = narrowed<T>(log1p(excluding_maximum));
    Pair<T> sum = two_sum(maximum, logarithm.hi);
    return {sum.hi, sum.lo + logarithm.lo};
}

// The same, rounded. An infinite maximum is the result itself.
template <class T>
NPFUSE_FORMULA T log_sum_exp(T maximum, double excluding_maximum) {
    return maximum - maximum == T(0) ? T(double(maximum) + log1p(excluding_maximum)) : maximum;
}

struct NormalisedTerm {
    using Normalised = NormalisedTerm;  // whatever is derived from it: one loop serves all

    template <class T>
    NPFUSE_FORMULA static T quotient(T term, Pair<T> reciprocal) {
        return fma(term, reciprocal.hi, times(term, reciprocal.lo));
    }
};

struct Softmax : NormalisedTerm {
    static constexpr RowKind kind = RowKind::quotient;
    static constexpr const char* name = "softmax";
    static constexpr Description description = {
        .summary = "Softmax along an axis.",
        .formula = "exp(x - max(x)) / sum(exp(x - max(x)))",
        .derivative = "y * (dy - sum(dy * y))",
        .accuracy =
            "2.5 ULP in float32, for rows of any length and spread; in float64 2 ULP beyond the rounding of the sum.",
        .notes =
            "-inf gives exactly 0, so that it masks; a row that is -inf throughout, or holds NaN or +inf, gives\n"
            "NaN throughout, as in PyTorch and SciPy. The sum is carried in double, in an order that neither the\n"
            "memory layout nor the number of threads changes. SciPy's default axis is the whole array.",
        .source = "Bridle (1990), Probabilistic interpretation of feedforward classification network outputs.",
        .example = ">>> nf.softmax(np.array([0.0, 0.0]))\narray([0.5, 0.5])",
    };

    // Summed over the row, dot.
    template <class T>
    NPFUSE_FORMULA static T backward_term(T dy, T y) {
        return times(dy, y);
    }

    template <class T>
    NPFUSE_FORMULA static T backward(T dy, T y, Pair<T> dot) {
        return y * ((dy - dot.hi) - dot.lo);
    }
};

struct LogSoftmax {
    static constexpr RowKind kind = RowKind::log_quotient;
    static constexpr const char* name = "log_softmax";
    static constexpr Description description = {
        .summary = "Logarithm of the softmax along an axis.",
        .formula = "x - max(x) - log(sum(exp(x - max(x))))",
        .derivative = "dy - exp(y) * sum(dy)",
        .accuracy = "2 ULP, in rows of any length and spread.",
        .notes =
            "The maximum's own term is left out of the sum and log1p taken, so that the result stays exact where\n"
            "one element dominates and SciPy returns 0. -inf gives -inf; a row that is -inf throughout, or holds\n"
            "NaN or +inf, gives NaN throughout.",
        .source = "Bridle (1990), Probabilistic interpretation of feedforward classification network outputs.",
        .example = ">>> nf.log_softmax(np.array([0.0, 50.0]))\narray([-5.00000000e+01, -1.92874985e-22])",
    };

    // The second difference rounds once more unless the first was exact, as it is where much cancels.
    template <class T>
    NPFUSE_FORMULA static T logarithm(T x, Pair<T> log_sum) {
        return (x - log_sum.hi) - log_sum.lo;
    }

    // Summed over the row, sum.
    template <class T>
    NPFUSE_FORMULA static double backward_term(T dy, T) {
        return double(dy);
    }

    template <class T>
    NPFUSE_FORMULA static T backward(T dy, T y, Pair<T> sum) {
        T probability = exp(y);
        return fma(-probability, sum.lo, fma(-probability, sum.hi, dy));
    }
};

struct LogSumExp : NormalisedTerm {
    static constexpr RowKind kind = RowKind::log_sum;
    static constexpr const char* name = "logsumexp";
    static constexpr Description description = {
        .summary = "Logarithm of the sum of exponentials along an axis.",
        .formula = "max(x) + log(sum(exp(x - max(x))))",
        .derivative = "dy * softmax(x)",
        .accuracy =
            "2.5 ULP of the larger of the result and max(x), and less in longer rows, where errors of the terms "
            "even out.",
        .notes =
            "An empty row, and one that is -inf throughout, give -inf; one that holds +inf gives inf, one that\n"
            "holds NaN gives NaN.",
        .source = "Blanchard, Higham and Higham (2021), Accurately computing the log-sum-exp and softmax functions.",
        .example = ">>> nf.logsumexp(np.array([1000.0, 1000.0])).item()\n1000.6931471805599",
    };
};

NPFUSE_FORMULAS_END
