// Sums of the exponentials of a row.
#pragma once

#include "expressions.h"

NPFUSE_FORMULAS_BEGIN

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

template <class Terms>
struct TermComponents {
    static constexpr int count = 3;
    template <int part>
    NPFUSE_FORMULA static auto get(const Terms& terms) {
        return part == 0 ? terms.shift : part == 1 ? terms.floor : terms.pivot;
    }
    template <class T>
    NPFUSE_FORMULA static Terms made_of(T shift, T floor, T pivot) {
        return {{shift, floor, pivot}};
    }
};
template <class T>
struct Components<RowTerms<T>> : TermComponents<RowTerms<T>> {
    using Number = T;
};
template <class T>
struct Components<SummedTerms<T>> : TermComponents<SummedTerms<T>> {
    using Number = T;
};

// Of x and its row's terms.
struct Term {
    static constexpr bool is_costly = true;
    template <class T, class Terms>
    NPFUSE_FORMULA T operator()(T x, const Terms& terms) const {
        return terms.term(x);
    }
};

// RowTerms or SummedTerms of each row.
template <template <class> class Terms, class Pass, class Maximum>
NPFUSE_PASS auto terms_below(Pass& pass, const Maximum& maximum) {
    using T = typename Pass::Number;
    return pass.derived([](T maximum) NPFUSE_LAMBDA { return Terms<T>::below(maximum); }, maximum);
}

// The sum of exp(x - maximum) without one element that is the maximum and whose term is 1. Where the maximum dominates
// so much that its term has rounded the others away, they are summed by themselves.
template <class Pass, class Expression, class Maximum>
NPFUSE_PASS auto sum_excluding_maximum(Pass& pass, const Expression& x, const Maximum& maximum) {
    using T = typename Pass::Number;
    const auto terms = terms_below<SummedTerms>(pass, maximum);
    const auto sum = pass.sum(map(Term(), x, terms));
    const auto excluding = pass.each_row([](T maximum, SummedTerms<T> terms, double sum)
                                             NPFUSE_LAMBDA { return terms.excluding_maximum(maximum, sum); },
                                         maximum, terms, sum);
    return pass.where([](double excluding) NPFUSE_LAMBDA { return excluding < lost_in_sum_with_one<T>; }, excluding,
                      [&](auto& pass) NPFUSE_LAMBDA {
                          const auto argmax = pass.find_first(x, maximum);
                          const auto others = pass.sum(replaced(map(Term(), x, terms), argmax, constant(T(0))));
                          return pass.each_row([](T maximum, SummedTerms<T> terms, double sum)
                                                   NPFUSE_LAMBDA { return sum / terms.unit(maximum); },
                                               maximum, terms, others);
                      });
}

NPFUSE_FORMULAS_END
